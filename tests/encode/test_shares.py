"""Shares above thresholds, worked by hand."""

from __future__ import annotations

import torch

from graphcl.encode.base import Graph
from graphcl.encode.shares import Shares, quantiles
from graphcl.encode.windows import read_windows, spread_windows
from graphcl.graph.window import build_windows


def chains(values: list[float], starts: list[int], ends: list[int]) -> Graph:
    return build_windows(torch.tensor(values)[:, None], torch.tensor(starts), torch.tensor(ends))


def test_shares_of_a_whole_and_of_its_halves() -> None:
    """Thresholds of 0, ..., 4 are 1 and 3. Of 0, 1, 2, 4 lie two above 1 and one above 3."""
    rows = torch.arange(5.0)[:, None]
    shares = Shares([rows], 2)
    assert shares.thresholds.tolist() == [[[1], [3]]]
    graph = read_windows(chains([0, 1, 2, 4, 9], [0, 4], [4, 5]))
    assert shares([graph.x], graph, 1).tolist() == [[0.5, 0.25], [1, 1]]
    assert shares([graph.x], graph, [1, 2])[0].tolist() == [0.5, 0.25, 0, 0, 1, 0.5]


def test_blocks_have_thresholds_of_their_own() -> None:
    graph = read_windows(chains([1, 2], [0], [2]))
    shares = Shares([torch.zeros(3, 1), torch.full((3, 1), 1.5)], 1)
    assert shares([graph.x, graph.x], graph, 1).tolist() == [[1.0, 0.5]]


def test_quantiles_of_many_rows_are_those_of_an_even_spread() -> None:
    rows = torch.arange(20_000.0)[:, None]
    torch.testing.assert_close(quantiles(rows, 4)[:, 0], torch.tensor([2500.0, 7500, 12500, 17500]), rtol=1e-3, atol=0)
    assert quantiles(rows[:1], 2).tolist() == [[0], [0]]


def test_some_windows_are_spread_over_all() -> None:
    graph = read_windows(chains([0, 1, 2, 3, 4, 5, 6], [0, 2, 4], [2, 4, 7]))
    few = spread_windows(graph, 5)
    assert few.x.flatten().tolist() == [0, 1, 4, 5, 6]
    assert few.ptr.tolist() == [0, 2, 5]
    assert few.batch.tolist() == [0, 0, 1, 1, 1]
    assert few.pos.tolist() == [0, 1, 0, 1, 2]
    assert spread_windows(graph, 1).x.flatten().tolist() == [0, 1]
    assert spread_windows(graph, 100).x.flatten().tolist() == graph.x.flatten().tolist()
