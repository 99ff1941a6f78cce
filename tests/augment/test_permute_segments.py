"""Segments in other orders."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphcl.augment import permute_segments
from graphcl.core.seeds import generator

from .test_crop_time import windows


@settings(max_examples=60, deadline=None)
@given(lengths=st.lists(st.integers(1, 20), min_size=1, max_size=6), most=st.integers(1, 8), seed=st.integers(0, 99))
def test_each_chain_keeps_its_values_in_a_few_segments(lengths: list[int], most: int, seed: int) -> None:
    graph = windows(lengths)
    made = permute_segments(graph, most, generator=generator(seed))
    assert torch.equal(made.edge_index, graph.edge_index)
    for number in range(len(lengths)):
        before, after = (one.x[one.batch == number, 0] for one in (graph, made))
        assert torch.equal(after.sort().values, before)
        assert int((after.diff() != 1).sum()) <= most - 1


def test_one_segment_changes_nothing_and_numbers_of_segments_are_drawn_alike() -> None:
    graph = windows([60] * 600)
    assert torch.equal(permute_segments(graph, 1, generator=generator(0)).x, graph.x)
    made = permute_segments(graph, 3, generator=generator(0)).x[:, 0].view(600, 60)
    breaks = torch.bincount((made.diff() != 1).sum(1), minlength=3)
    # One, two or three segments, a third each: half of the orders of two are as they were, and one of six of three,
    # of which three have no two segments that follow each other.
    assert abs(int(breaks[0]) / 600 - (1 / 3 + 1 / 6 + 1 / 18)) < 0.07
    assert abs(int(breaks[2]) / 600 - 1 / 6) < 0.07
