"""Links that the features of their ends speak against, and pairs without a link that they speak for."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

#: Bytes of a block of similarities.
BLOCK_BYTES = 64 * 2**20


def undirected_pairs(edge_index: Tensor, num_nodes: int) -> Tensor:
    """[2, P]: each pair of different nodes that an edge joins, in either direction, once; the smaller node first."""
    apart = edge_index[:, edge_index[0] != edge_index[1]].sort(dim=0).values
    return pairs_of(pair_numbers(apart, num_nodes).unique(), num_nodes)


def pair_numbers(pairs: Tensor, num_nodes: int) -> Tensor:
    """[P] one number for each unordered pair [2, P]."""
    ordered = pairs.sort(dim=0).values
    return ordered[0] * num_nodes + ordered[1]


def pairs_of(numbers: Tensor, num_nodes: int) -> Tensor:
    """[2, P], the inverse of :func:`pair_numbers`."""
    return torch.stack([numbers // max(num_nodes, 1), numbers % max(num_nodes, 1)])


def unlike_neighbours(x: Tensor, pairs: Tensor, k: int) -> Tensor:
    """The ``k`` neighbours of each node whose features are least like its own.

    Args:
        x: [N, d].
        pairs: [2, P] links, each once (:func:`undirected_pairs`).
        k: At most so many a node.

    Returns:
        [N, k] int64, the least alike first, -1 where there are no more.
    """
    unit = F.normalize(x, dim=1)
    cosine = (unit.index_select(0, pairs[0]) * unit.index_select(0, pairs[1])).sum(1).repeat(2)
    node, other = torch.cat([pairs[0], pairs[1]]), torch.cat([pairs[1], pairs[0]])
    order = cosine.argsort(stable=True)
    order = order.index_select(0, node.index_select(0, order).argsort(stable=True))
    node, other = node.index_select(0, order), other.index_select(0, order)
    place = places_within(node, len(x))
    first = place < k
    table = torch.full((len(x), k), -1)
    table[node[first], place[first]] = other[first]
    return table


def alike_strangers(x: Tensor, pairs: Tensor, k: int, never: Tensor | None = None) -> Tensor:
    """The ``k`` nodes most like each node that no link joins with it.

    Similarities are computed some rows at a time. Only a positive cosine counts, so that a node without features has
    no candidates and is none.

    Args:
        x: [N, d].
        pairs: [2, P] links, each once.
        k: At most so many a node.
        never: [2, Q] further pairs that are left out.

    Returns:
        [N, k] int64, the most alike first, -1 where there are no more.
    """
    count, unit = len(x), F.normalize(x, dim=1)
    out = pairs if never is None else torch.cat([pairs, never], dim=1)
    node, other = torch.cat([out[0], out[1]]), torch.cat([out[1], out[0]])
    node, order = node.sort(stable=True)
    other = other.index_select(0, order)
    table = torch.full((count, k), -1)
    height = max(1, BLOCK_BYTES // (unit.element_size() * max(count, 1)))
    for first in range(0, count, height):
        cosine = unit[first : first + height] @ unit.T
        rows = torch.arange(len(cosine))
        cosine[rows, first + rows] = 0.0
        start, end = torch.searchsorted(node, torch.tensor([first, first + len(cosine)])).tolist()
        cosine[node[start:end] - first, other[start:end]] = 0.0
        values, found = cosine.topk(min(k, count), dim=1)
        table[first : first + height, : found.shape[1]] = found.masked_fill(values <= 0, -1)
    return table


def places_within(owner: Tensor, count: int) -> Tensor:
    """[Q] the place of each entry among those of its owner, for sorted owners [Q] below ``count``."""
    sizes = torch.bincount(owner, minlength=count)
    return torch.arange(len(owner)) - (sizes.cumsum(0) - sizes).index_select(0, owner)
