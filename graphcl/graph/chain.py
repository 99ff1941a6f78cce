"""A history as a graph: a directed chain of its items, one node an event."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphcl.core.errors import UserError


def build_chains(items: Tensor, ptr: Tensor, *, num_items: int, time: Tensor | None = None) -> Data:
    """One or many histories, laid end to end, each as a chain whose nodes are events in the order of time.

    Nothing is padded: every node is an event. An item that occurs twice in a history is two nodes.

    >>> chains = build_chains(torch.tensor([7, 3, 7, 5]), torch.tensor([0, 3, 4]), num_items=9)
    >>> chains.pos.tolist(), chains.batch.tolist(), chains.edge_index.tolist()
    ([0, 1, 2, 0], [0, 0, 0, 1], [[0, 1], [1, 2]])

    Args:
        items: [n] positions of items in ``0..num_items - 1``; ``num_items`` itself is the mask token.
        ptr: [G + 1] chain ``g`` is nodes ``ptr[g]..ptr[g + 1] - 1``; from 0 to n, and no chain is empty.
        num_items: Size of the catalogue.
        time: [n] of the events.

    Returns:
        ``item`` [n] int64, ``pos`` [n] int64 (0, 1, ... from the start of each chain), ``edge_index`` [2, n - G] from
        each node to the next one of its chain, ``batch`` [n], ``ptr``, ``num_nodes``, ``num_items`` (an int), and
        ``time`` where it was given.

    Raises:
        UserError: ``ptr`` does not part the items into chains of at least one node, or an item is out of range.
    """
    items, ptr = items.long(), ptr.long()
    n, counts = items.numel(), ptr.diff()
    _check(items, ptr, counts, num_items)
    if time is not None and time.shape != items.shape:
        raise UserError(f"chains: {n} items but times of shape {tuple(time.shape)}; give one for each item")
    chains = Data(item=items, **chain_layout(ptr), ptr=ptr, num_nodes=n, num_items=int(num_items))
    if time is not None:
        chains.time = time
    return chains


def chain_layout(ptr: Tensor) -> dict[str, Tensor]:
    """``pos``, ``edge_index`` and ``batch`` of chains that lie end to end, chain ``g`` beginning at ``ptr[g]``.

    Edges go from each node to the next one of its chain.
    """
    counts = ptr.diff()
    batch = torch.repeat_interleave(torch.arange(counts.numel(), device=ptr.device), counts)
    linked = (batch[1:] == batch[:-1]).nonzero().squeeze(1)
    pos = torch.arange(batch.numel(), device=ptr.device) - ptr.index_select(0, batch)
    return {"pos": pos, "edge_index": torch.stack([linked, linked + 1]), "batch": batch}


def _check(items: Tensor, ptr: Tensor, counts: Tensor, num_items: int) -> None:
    n = items.numel()
    if ptr.numel() < 1 or int(ptr[0]) != 0 or int(ptr[-1]) != n:
        ends = f"{ptr[:1].tolist()} to {ptr[-1:].tolist()}"
        raise UserError(f"chains: ptr goes from {ends}, and must go from 0 to the number of items, {n}")
    if counts.numel() and int(counts.min()) < 1:
        raise UserError(f"chains: chain {int(counts.argmin())} is empty; every chain has at least one item")
    if n and (int(items.min()) < 0 or int(items.max()) > num_items):
        raise UserError(f"chains: an item is outside 0..{num_items}, where {num_items} is the mask token")
