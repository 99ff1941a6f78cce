"""Chains for the tests of towers."""

from __future__ import annotations

import torch
from torch_geometric.data import Data

from graphcl.core.seeds import generator
from graphcl.graph.chain import build_chains

ITEMS = 11


def chains(lengths: list[int], seed: int = 0, num_items: int = ITEMS) -> Data:
    """Chains of these lengths; some items are hidden."""
    total, draw = sum(lengths), generator(seed, "chains")
    items = torch.randint(0, num_items + 1, (total,), generator=draw)
    ptr = torch.tensor([0, *lengths]).cumsum(0)
    return build_chains(items, ptr, num_items=num_items)


def alone(graph: Data, number: int) -> Data:
    """One of the chains."""
    begin, end = graph.ptr[number : number + 2].tolist()
    return build_chains(graph.item[begin:end], torch.tensor([0, end - begin]), num_items=graph.num_items)
