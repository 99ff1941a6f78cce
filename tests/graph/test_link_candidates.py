"""Candidates for removal and addition against a slow search."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graphcl.core.seeds import generator
from graphcl.graph import link_candidates
from graphcl.graph.link_candidates import (
    alike_strangers,
    pair_numbers,
    pairs_of,
    undirected_pairs,
    unlike_neighbours,
)

NODES = 12


def toy() -> tuple[Tensor, Tensor]:
    draw = generator(0)
    edges = torch.randint(0, NODES - 1, (2, 30), generator=draw)  # loops and repeated ones too; the last node has none
    x = torch.randn(NODES, 4, generator=draw)
    x[3] = 0.0
    return x, edges


def cosine(x: Tensor, one: int, other: int) -> float:
    norm = float(x[one].norm() * x[other].norm())
    return float(x[one] @ x[other]) / norm if norm else 0.0


def neighbours(edges: Tensor) -> list[set[int]]:
    found: list[set[int]] = [set() for _ in range(NODES)]
    for one, other in edges.t().tolist():
        if one != other:
            found[one].add(other)
            found[other].add(one)
    return found


def test_a_pair_counts_once_whatever_its_direction_and_loops_are_none() -> None:
    edges = torch.tensor([[0, 1, 2, 2, 3], [1, 0, 2, 0, 1]])
    pairs = undirected_pairs(edges, 4)
    assert pairs.t().tolist() == [[0, 1], [0, 2], [1, 3]]
    assert torch.equal(pairs_of(pair_numbers(pairs.flip(0), 4), 4), pairs)
    assert undirected_pairs(torch.empty(2, 0, dtype=torch.int64), 4).shape == (2, 0)


@pytest.mark.parametrize("k", [1, 3, 10])
def test_the_least_similar_neighbours_come_first(k: int) -> None:
    x, edges = toy()
    table = unlike_neighbours(x, undirected_pairs(edges, NODES), k)
    for node, around in enumerate(neighbours(edges)):
        wanted = sorted(cosine(x, node, other) for other in around)[:k]
        found = [other for other in table[node].tolist() if other >= 0]
        assert len(set(found)) == len(found) == len(wanted)
        assert set(found) <= around
        assert [cosine(x, node, other) for other in found] == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("rows", [1, 5, 100])
def test_the_most_similar_strangers_come_first(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_candidates, "BLOCK_BYTES", rows * 4 * NODES)
    x, edges = toy()
    never = torch.tensor([[0, 11], [7, 2]])
    around = neighbours(torch.cat([edges, never], dim=1))
    table = alike_strangers(x, undirected_pairs(edges, NODES), 4, never)
    for node in range(NODES):
        strangers = set(range(NODES)) - around[node] - {node}
        alike = (cosine(x, node, other) for other in strangers)
        wanted = sorted((value for value in alike if value > 1e-9), reverse=True)[:4]
        found = [other for other in table[node].tolist() if other >= 0]
        assert set(found) <= strangers
        assert [cosine(x, node, other) for other in found] == pytest.approx(wanted, abs=1e-6)
    assert table[3].tolist() == [-1] * 4, "a node without features"
    assert 3 not in table


def test_more_candidates_than_nodes_are_no_error() -> None:
    x, nothing = torch.ones(2, 3), torch.empty(2, 0, dtype=torch.int64)
    assert alike_strangers(x, nothing, 10).tolist() == [[1] + [-1] * 9, [0] + [-1] * 9]
    assert unlike_neighbours(x, nothing, 10).tolist() == [[-1] * 10] * 2
