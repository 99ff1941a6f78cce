from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import coalesce, is_undirected, to_undirected

from graphcl.core.build import build
from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.encode.base import View
from graphcl.graph.neighbours import NeighbourSampler, distinct


def random_edges(nodes: int, edges: int, seed: int, *, undirected: bool) -> Tensor:
    """Sorted, each once, without loops."""
    pairs = torch.randint(0, nodes, (2, edges), generator=generator(seed, "edges"))
    pairs = coalesce(pairs[:, pairs[0] != pairs[1]], num_nodes=nodes)
    return to_undirected(pairs, num_nodes=nodes) if undirected else pairs


def of_target(edges: Tensor) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for source, target in edges.T.tolist():
        found.setdefault(target, set()).add(source)
    return found


@given(
    st.integers(2, 25), st.integers(0, 80), st.lists(st.integers(0, 5), max_size=3), st.booleans(), st.integers(0, 99)
)
def test_what_is_sampled_is_there_and_no_more_than_asked_for(
    nodes: int, edges: int, fanout: list[int], undirected: bool, seed: int
) -> None:
    whole = random_edges(nodes, edges, seed, undirected=undirected)
    sampler = NeighbourSampler(whole, nodes)
    seeds = torch.randperm(nodes, generator=generator(seed))[: max(1, nodes // 3)]
    piece = sampler.sample(seeds, fanout, generator=generator(seed, "draw"))
    assert torch.equal(piece.nodes[: len(seeds)], seeds)
    assert piece.nodes.unique().numel() == piece.nodes.numel()
    assert torch.equal(piece.nodes[piece.edge_index], whole[:, piece.edges])
    assert piece.edges.unique().numel() == piece.edges.numel()
    again = sampler.sample(seeds, fanout, generator=generator(seed, "draw"))
    assert torch.equal(again.nodes, piece.nodes)
    assert torch.equal(again.edge_index, piece.edge_index)
    assert sampler.undirected == is_undirected(whole, num_nodes=nodes)
    if sampler.undirected:
        assert is_undirected(piece.edge_index, num_nodes=len(piece.nodes))
        return
    given_sources, sampled = of_target(whole), of_target(whole[:, piece.edges])
    hop_of = hops(whole[:, piece.edges], seeds, len(fanout))
    for node, sources in sampled.items():
        most = fanout[hop_of[node]]
        assert len(sources) == min(len(given_sources[node]), most or nodes)
    expanded = [node for node, hop in hop_of.items() if hop < len(fanout)]
    assert all(sampled.get(node, set()) or not given_sources.get(node) for node in expanded)


def hops(edges: Tensor, seeds: Tensor, depth: int) -> dict[int, int]:
    """The hop at which each node was reached."""
    sources, found, frontier = of_target(edges), {int(seed): 0 for seed in seeds}, seeds.tolist()
    for hop in range(1, depth + 1):
        frontier = [s for node in frontier for s in sources.get(node, ()) if s not in found]
        found |= {node: hop for node in frontier}
    return found


def test_every_subset_is_drawn_equally_often() -> None:
    """Of 5 choose 2 = 10; five standard deviations of a count of 1,000."""
    drawn = distinct(torch.full((10_000,), 5), 2, generator=generator(0)).sort(1).values
    counts = torch.bincount(drawn[:, 0] * 5 + drawn[:, 1], minlength=25)
    assert bool((drawn[:, 0] < drawn[:, 1]).all())
    assert counts[counts > 0].numel() == 10
    assert bool(((counts[counts > 0] - 1000).abs() < 150).all())


@pytest.mark.parametrize("norm", ["gcn", "sym", "row"])
def test_with_all_neighbours_and_a_hop_more_than_layers_seeds_are_encoded_as_in_the_whole_graph(norm: str) -> None:
    edges = random_edges(200, 300, 0, undirected=True)
    graph = Data(x=torch.randn(200, 6, generator=generator(1)), edge_index=edges, num_nodes=200)
    tower = build("tower", "gcn", {"dim": 4, "norm": norm}, graph=graph, generator=generator(0))
    seeds = torch.tensor([17, 3, 120])
    piece = NeighbourSampler(edges, 200).sample(seeds, [0, 0, 0], generator=generator(0))
    assert len(piece.nodes) < 200
    part = Data(x=graph.x[piece.nodes], edge_index=piece.edge_index, num_nodes=len(piece.nodes))
    torch.testing.assert_close(tower(View(part)).nodes[:3], tower(View(graph)).nodes[seeds])


def test_edges_no_edges_and_a_seed_twice() -> None:
    none = NeighbourSampler(torch.empty(2, 0, dtype=torch.int64), 3)
    assert none.sample(torch.tensor([2]), [4, 4], generator=generator(0)).nodes.tolist() == [2]
    sampler = NeighbourSampler(torch.tensor([[0, 1], [1, 0]]), 2)
    with pytest.raises(UserError, match="a seed occurs twice"):
        sampler.sample(torch.tensor([1, 1]), [1], generator=generator(0))
    assert sampler.sample(torch.tensor([1, 0]), [], generator=generator(0)).edge_index.shape == (2, 0)
