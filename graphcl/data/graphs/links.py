"""Edges held out of training, to be told apart from pairs of nodes without an edge."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.utils import is_undirected

from graphcl.core.errors import UserError


@dataclass(frozen=True, eq=False)
class Links:
    """Pairs of nodes, each once: [2, P] int64. In an undirected graph the smaller node comes first.

    Attributes:
        edges: Pairs with an edge.
        non_edges: As many pairs without one.
    """

    edges: Tensor
    non_edges: Tensor


@dataclass(frozen=True, eq=False)
class HeldOutLinks:
    """What training does not see: links to choose by, and links to judge on."""

    valid: Links
    test: Links

    def sizes(self) -> dict[str, int]:
        """Part -> number of edges (and of non-edges)."""
        return {"valid": self.valid.edges.shape[1], "test": self.test.edges.shape[1]}

    def digest(self) -> str:
        """SHA-256 over all pairs; equal hold-outs have equal hashes."""
        pairs = (self.valid.edges, self.valid.non_edges, self.test.edges, self.test.non_edges)
        return hashlib.sha256("|".join(str(part.tolist()) for part in pairs).encode()).hexdigest()


def hold_out_links(
    edge_index: Tensor, num_nodes: int, shares: Sequence[float], *, generator: torch.Generator
) -> tuple[Tensor, HeldOutLinks]:
    """Take a random share of the edges out of a graph, both directions of an undirected one together.

    Args:
        edge_index: [2, E], coalesced, without self-loops.
        num_nodes: N.
        shares: Of the edges: for validation, for test.
        generator: Draws edges and non-edges.

    Returns:
        The edges that are left, [2, E'], and what was held out. Non-edges have no edge in the whole graph, and no
        pair is drawn twice.

    Raises:
        UserError: shares that leave a part empty, or more pairs wanted than have no edge.
    """
    undirected = is_undirected(edge_index, num_nodes=num_nodes)
    pairs = edge_index[:, edge_index[0] < edge_index[1]] if undirected else edge_index
    count = pairs.shape[1]
    num_valid, num_test = (round(count * share) for share in shares)
    if min(num_valid, num_test, count - num_valid - num_test) < 1:
        raise UserError(f"data.split.edges: {list(shares)} of {count:,} edges leave a part empty; choose other shares")
    order = pairs.index_select(1, torch.randperm(count, generator=generator))
    valid, test, kept = order.split([num_valid, num_test, count - num_valid - num_test], dim=1)
    none = sample_non_edges(edge_index, num_nodes, num_valid + num_test, generator=generator)
    held_out = HeldOutLinks(Links(valid, none[:, :num_valid]), Links(test, none[:, num_valid:]))
    train = torch.cat([kept, kept.flip(0)], dim=1) if undirected else kept
    return train.index_select(1, _keys(train, num_nodes).argsort()), held_out


def sample_non_edges(edge_index: Tensor, num_nodes: int, count: int, *, generator: torch.Generator) -> Tensor:
    """``count`` different pairs of different nodes without an edge, uniform: [2, count].

    In an undirected graph the smaller node comes first.

    Raises:
        UserError: fewer such pairs exist.
    """
    undirected = is_undirected(edge_index, num_nodes=num_nodes)
    taken = _keys(edge_index, num_nodes).unique()
    free = num_nodes * (num_nodes - 1) - taken.numel()
    if count > free // (2 if undirected else 1):
        raise UserError(f"{count:,} pairs of nodes without an edge were asked for, the graph has fewer")
    found = torch.empty(0, dtype=torch.int64)
    while found.numel() < count:  # a round finds at least the free share of what is missing, on average
        drawn = torch.randint(num_nodes, (2, 2 * (count - found.numel()) + 16), generator=generator)
        if undirected:
            drawn = torch.stack([drawn.amin(dim=0), drawn.amax(dim=0)])
        keys = _keys(drawn[:, drawn[0] != drawn[1]], num_nodes)
        found = _distinct(torch.cat([found, keys[~torch.isin(keys, taken)]]))[:count]
    return torch.stack([found // num_nodes, found % num_nodes])


def edge_positions(part: Tensor, whole: Tensor, num_nodes: int) -> Tensor:
    """[E'] where the edges ``part`` [2, E'] stand among the edges ``whole`` [2, E], sorted by source and target."""
    return torch.searchsorted(_keys(whole, num_nodes), _keys(part, num_nodes))


def _keys(pairs: Tensor, num_nodes: int) -> Tensor:
    return pairs[0] * num_nodes + pairs[1]


def _distinct(keys: Tensor) -> Tensor:
    """Each value at its first place, in the order drawn (sorted values would favour small nodes when cut)."""
    values, inverse = torch.unique(keys, return_inverse=True)
    places = torch.arange(keys.numel())
    first = torch.full((values.numel(),), keys.numel()).scatter_reduce_(0, inverse, places, reduce="amin")
    return keys.index_select(0, first.sort().values)
