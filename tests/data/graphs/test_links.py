from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.data.graphs.links import hold_out_links, sample_non_edges


def random_edges(nodes: int, share: float, undirected: bool, seed: int) -> Tensor:
    linked = torch.rand(nodes, nodes, generator=generator(seed)) < share
    linked.fill_diagonal_(False)
    if undirected:
        linked = linked.triu(1) | linked.triu(1).t()
    return linked.nonzero().t()


def pairs_of(edges: Tensor) -> set[tuple[int, int]]:
    return {(int(a), int(b)) for a, b in edges.t()}


@given(
    nodes=st.integers(8, 25), share=st.floats(0.25, 0.5), undirected=st.booleans(), seed=st.integers(0, 1000),
    shares=st.sampled_from([[0.1, 0.2], [0.3, 0.3]]),
)
def test_parts_are_disjoint_complete_and_of_their_sizes(
    nodes: int, share: float, undirected: bool, seed: int, shares: list[float]
) -> None:
    edges = random_edges(nodes, share, undirected, seed)
    both = pairs_of(edges)
    undirected = all((b, a) in both for a, b in both)
    whole = {(a, b) for a, b in both if a < b} if undirected else both
    wanted = [round(len(whole) * s) for s in shares]
    free = nodes * (nodes - 1) // (2 if undirected else 1) - len(whole)
    assume(min(*wanted, len(whole) - sum(wanted)) > 0 and sum(wanted) <= free)
    train, held_out = hold_out_links(edges, nodes, shares, generator=generator(seed, "draw"))
    valid, test = pairs_of(held_out.valid.edges), pairs_of(held_out.test.edges)
    assert held_out.sizes() == {"valid": len(valid), "test": len(test)}
    assert [len(valid), len(test)] == wanted
    left = pairs_of(train)
    if undirected:
        assert {(b, a) for a, b in left} == left
        left = {(a, b) for a, b in left if a < b}
    assert left | valid | test == whole
    assert len(left) + len(valid) + len(test) == len(whole)
    none = torch.cat([held_out.valid.non_edges, held_out.test.non_edges], dim=1)
    assert len(pairs_of(none)) == none.shape[1] == len(valid) + len(test)
    assert not pairs_of(none) & both
    assert not any(a == b or (undirected and a > b) for a, b in pairs_of(none))
    assert torch.equal(train, train[:, (train[0] * nodes + train[1]).argsort()])


def test_the_draw_follows_the_seed() -> None:
    edges = random_edges(30, 0.2, True, 0)
    hashes = [hold_out_links(edges, 30, [0.1, 0.2], generator=generator(s))[1].digest() for s in (0, 0, 1)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_non_edges_are_uniform() -> None:
    """Four nodes, one edge: each of the five other pairs equally often."""
    edges = torch.tensor([[0, 1], [1, 0]])
    draws = [tuple(sample_non_edges(edges, 4, 1, generator=generator(s)).flatten().tolist()) for s in range(1000)]
    counts = {pair: draws.count(pair) for pair in set(draws)}
    assert sorted(counts) == [(0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    assert min(counts.values()) > 150
    every = sample_non_edges(edges, 4, 5, generator=generator(0))
    assert pairs_of(every) == set(counts)


def test_what_cannot_be_drawn_is_refused() -> None:
    edges = random_edges(5, 1.1, True, 0)  # complete
    with pytest.raises(UserError, match="the graph has fewer"):
        hold_out_links(edges, 5, [0.2, 0.2], generator=generator(0))
    for shares in ([0.0, 0.2], [0.5, 0.6], [0.9, 0.9]):
        with pytest.raises(UserError, match=r"data\.split\.edges.*leave a part empty"):
            hold_out_links(random_edges(20, 0.2, True, 0), 20, shares, generator=generator(0))
