from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Data

from graphcl.augment import CropTime, crop_time
from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.encode.base import View
from graphcl.encode.window_encoder import WindowEncoder
from graphcl.graph.window import build_windows


def windows(lengths: list[int]) -> Data:
    """Windows whose rows show their number in the table."""
    table = torch.arange(float(sum(lengths)))[:, None].repeat(1, 2)
    ends = torch.tensor(lengths).cumsum(0)
    return build_windows(table, ends - torch.tensor(lengths), ends)


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 20), min_size=1, max_size=6),
    ratio=st.floats(0.51, 1.0),
    seed=st.integers(0, 99),
)
def test_two_crops_differ_overlap_and_agree_on_the_overlap(lengths: list[int], ratio: float, seed: int) -> None:
    graph = windows(lengths)
    views = [crop_time(graph, ratio, place=place, generator=generator(seed)) for place in (0, 1)]
    assert torch.equal(views[0].overlap, views[1].overlap)
    for view in views:
        assert torch.equal(view.x[view.overlap], graph.x[view.overlap])
        assert torch.equal(view.edge_index, graph.edge_index)
    for number, length in enumerate(lengths):
        rows = graph.batch == number
        shown = [view.x[rows, 0].unique() for view in views]
        width = min(length, -int(-(ratio * length - 1e-6) // 1))
        assert [len(values) for values in shown] == [width, width]
        assert bool((shown[0].diff() == 1).all())  # a stretch of rows in order
        assert bool(graph.x[rows, 0].min() <= shown[0].min())
        assert torch.equal(shown[0], shown[1]) == (width == length)
        assert torch.equal(graph.x[rows & views[0].overlap, 0], shown[0][torch.isin(shown[0], shown[1])])
    assert views[0].too_short == sum(1 for n in lengths if -int(-(ratio * n - 1e-6) // 1) >= n and ratio < 1)


def test_every_pair_of_starts_occurs_alike() -> None:
    graph = windows([8] * 4000)
    starts = torch.stack([
        crop_time(graph, 0.75, place=place, generator=generator(1)).x[:, 0].view(-1, 8).amin(1) for place in (0, 1)
    ]) - torch.arange(0, 32_000, 8)
    counts = torch.bincount((3 * starts[0] + starts[1]).long(), minlength=9).view(3, 3)
    assert not counts.diagonal().any()
    assert bool((counts[~torch.eye(3, dtype=torch.bool)] > 550).all())  # of 4,000 / 6


def test_views_share_the_draw_that_the_engine_gives_them() -> None:
    graph = windows([12, 9])
    first, second = (
        CropTime(0.7, place)(graph, generator=generator(place), shared=generator(5)) for place in (0, 1)
    )
    assert torch.equal(first.overlap, second.overlap)
    assert not torch.equal(first.x, second.x)


def test_an_encoder_sees_the_rows_of_the_overlap_with_two_pasts() -> None:
    graph = windows([30])
    tower = WindowEncoder(lags=4, trend=8, graph=graph, generator=generator(0))
    latents = [tower(View(crop_time(graph, 0.8, place=place, generator=generator(3)))).nodes for place in (0, 1)]
    overlap = crop_time(graph, 0.8, generator=generator(3)).overlap
    different = ~torch.isclose(latents[0], latents[1]).all(1) & overlap
    assert int(different.sum()) >= 8


def test_other_graphs_and_short_crops_are_refused() -> None:
    with pytest.raises(UserError, match="needs windows of a table"):
        crop_time(Data(x=torch.ones(3, 2), edge_index=torch.zeros(2, 0, dtype=torch.int64)), 0.8,
                  generator=generator(0))
    with pytest.raises(UserError, match=r"ratio must be a number > 0\.5 and <= 1"):
        crop_time(windows([4]), 0.5, generator=generator(0))
