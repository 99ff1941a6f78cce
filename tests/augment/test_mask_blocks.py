"""Hidden stretches and bands."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Data

from graphcl.augment import mask_band, mask_blocks
from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.graph.window import build_windows

from .test_crop_time import windows


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    ratio=st.floats(0.0, 1.0),
    width=st.integers(1, 8),
    seed=st.integers(0, 99),
)
def test_hidden_are_whole_stretches_of_a_chain(lengths: list[int], ratio: float, width: int, seed: int) -> None:
    graph = windows(lengths)
    graph.x = graph.x + 1  # so that 0 is a hidden value only
    made = mask_blocks(graph, ratio, width=width, replace=0.0, keep=0.0, generator=generator(seed))
    assert torch.equal(made.masked, made.blank)
    assert torch.equal((made.x == 0).all(1), made.masked)
    assert torch.equal(made.x[~made.masked], graph.x[~made.masked])
    for number, length in enumerate(lengths):
        hidden = made.masked[graph.batch == number].tolist()
        runs = "".join("x" if one else " " for one in hidden).split()
        assert all(len(run) >= width for run in runs)
        most = -int(-(ratio * length / width) // 1)  # stretches
        assert sum(map(len, runs)) <= most * width
        assert bool(runs) == (most > 0 and length > width)


def test_stretches_are_hidden_shown_or_exchanged_chain_by_chain() -> None:
    graph = windows([50] * 1000)
    made = mask_blocks(graph, 0.15, generator=generator(0))  # two stretches of seven, which may overlap
    kinds = []
    columns = (one.view(1000, 50) for one in (made.x[:, 0], graph.x[:, 0], made.masked))
    for x, before, masked in zip(*columns, strict=True):
        inside = x[masked]
        kinds.append("zero" if not inside.any() else "kept" if torch.equal(inside, before[masked]) else "other")
        assert bool(torch.isin(inside[inside != 0], before).all())  # values of the same chain
    shares = {kind: kinds.count(kind) / 1000 for kind in set(kinds)}
    assert abs(shares["zero"] - 0.8) < 0.05
    assert abs(shares["kept"] - 0.1) < 0.04
    assert 10.5 < float(made.masked.sum()) / 1000 <= 14
    assert torch.equal(made.blank, made.masked & (made.x == 0).all(1))


def test_a_band_is_hidden_all_along_a_chain() -> None:
    table = torch.ones(3000, 10)
    graph = build_windows(table, torch.arange(0, 3000, 3), torch.arange(3, 3003, 3))
    hidden = (mask_band(graph, 0.4, generator=generator(0)).x == 0).view(1000, 3, 10)
    assert torch.equal(hidden, hidden[:, :1].expand(-1, 3, -1))
    band = hidden[:, 0].long()
    assert int((band.diff(dim=1) == 1).sum(1).max()) <= 1
    widths = torch.bincount(band.sum(1), minlength=5)
    assert len(widths) == 5
    assert bool((widths > 150).all())  # 0 to 4 columns, a fifth each
    assert torch.equal(mask_band(graph, 0.0, generator=generator(0)).x, graph.x)


def test_other_graphs_are_refused() -> None:
    plain = Data(x=torch.ones(3, 2), edge_index=torch.zeros(2, 0, dtype=torch.int64))
    for change in (mask_blocks, mask_band):
        with pytest.raises(UserError, match="needs windows of a table"):
            change(plain, 0.5, generator=generator(0))
