"""Graphs for the tests of augmenters."""

from __future__ import annotations

import torch
from torch_geometric.data import Batch, Data, HeteroData
from torch_geometric.utils import to_undirected

from graphcl.graph.bipartite import build_bipartite


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def undirected(nodes: int, edges: int, seed: int = 0) -> Data:
    """Undirected, with weights and attributes that tell which pair an edge is."""
    index = torch.randint(0, nodes, (2, edges), generator=seeded(seed))
    index = to_undirected(index[:, index[0] != index[1]], num_nodes=nodes)
    pair = index.min(0).values * nodes + index.max(0).values
    x = torch.randn(nodes, 3, generator=seeded(seed))
    return Data(x=x, edge_index=index, edge_weight=pair + 1.0, edge_attr=torch.stack([pair, -pair], 1), num_nodes=nodes)


def bipartite(users: int, items: int, pairs: int, seed: int = 0) -> HeteroData:
    """At most so many pairs, none twice, each with a weight of its own."""
    keys = torch.randint(0, users * items, (pairs,), generator=seeded(seed)).unique()
    keys = keys[torch.randperm(len(keys), generator=seeded(seed))]
    return build_bipartite(keys // items, keys % items, users, items, torch.arange(len(keys)) + 1.0)


def batch() -> Batch:
    return Batch.from_data_list([undirected(n, 3 * n, n) for n in (5, 9, 2, 12)])


def edge_pairs(graph: HeteroData) -> set[tuple[int, int]]:
    return set(map(tuple, graph["user", "to", "item"].edge_index.T.tolist()))


def cliques(sizes: list[int]) -> Batch:
    """Complete graphs; one of a single node has no edge."""
    return Batch.from_data_list([
        Data(x=torch.ones(n, 1), edge_index=(1 - torch.eye(n)).nonzero().T.contiguous(), num_nodes=n) for n in sizes
    ])


def left_of_each(graph: Batch) -> list[int]:
    return torch.bincount(graph.batch[graph.kept_nodes], minlength=graph.num_graphs).tolist()
