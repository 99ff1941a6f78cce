"""The graph of users and items."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from graphcl.core.errors import UserError
from graphcl.core.words import counted

Integers = np.ndarray | Tensor


def build_bipartite(
    pairs_users: Integers,
    pairs_items: Integers,
    num_users: int,
    num_items: int,
    weight: np.ndarray | Tensor | None = None,
) -> HeteroData:
    """A graph with node types ``user`` and ``item`` and each pair as two mirrored edges.

    Args:
        pairs_users: [E] positions of users.
        pairs_items: [E] positions of items.
        num_users: Number of users, those without a pair included.
        num_items: Number of items, those without a pair included.
        weight: [E] one weight for each pair, kept as ``edge_weight`` of both directions.

    Returns:
        Edge types ``(user, to, item)`` and ``(item, to, user)``; edge k of the one is edge k of the other,
        reversed.

    Raises:
        UserError: arrays of different lengths, or a position outside its type.
    """
    users, items = _integers(pairs_users, num_users, "user"), _integers(pairs_items, num_items, "item")
    if users.shape != items.shape:
        raise UserError(f"{counted(users.numel(), 'user')} but {counted(items.numel(), 'item')}; a pair is one of each")
    graph = HeteroData()
    graph["user"].num_nodes = int(num_users)
    graph["item"].num_nodes = int(num_items)
    graph["user", "to", "item"].edge_index = torch.stack([users, items])
    graph["item", "to", "user"].edge_index = torch.stack([items, users])
    if weight is not None:
        weights = torch.as_tensor(weight).to(torch.float32, copy=True)
        if weights.shape != users.shape:
            raise UserError(
                f"{users.numel()} pairs but weights of shape {tuple(weights.shape)}; give one for each pair"
            )
        graph["user", "to", "item"].edge_weight = weights
        graph["item", "to", "user"].edge_weight = weights.clone()
    return graph


def _integers(values: Integers, count: int, node_type: str) -> Tensor:
    positions = torch.as_tensor(values).to(torch.int64).reshape(-1)
    if positions.numel() and (int(positions.min()) < 0 or int(positions.max()) >= count):
        raise UserError(f"a pair names a {node_type} outside 0..{count - 1}")
    return positions
