"""What towers over chains share: reading a chain graph, embedding its items, and finding the end of each chain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from graphcl.core.errors import UserError
from graphcl.encode.base import Graph
from graphcl.encode.weights import initial


@dataclass(frozen=True)
class Chains:
    """One or many chains, end to end.

    Attributes:
        item: [n] item of each node, ``num_items`` where it is hidden.
        pos: [n] age of each node from the start of its chain.
        batch: [n] chain of each node.
        ptr: [G + 1] where each chain begins.
        num_items: number of items.
    """

    item: Tensor
    pos: Tensor
    batch: Tensor
    ptr: Tensor
    num_items: int

    @property
    def lengths(self) -> Tensor:
        """[G] nodes of each chain."""
        return self.ptr.diff()

    @property
    def from_end(self) -> Tensor:
        """[n] how many nodes of its chain come after each node."""
        return self.lengths.index_select(0, self.batch) - 1 - self.pos

    @property
    def last(self) -> Tensor:
        """[G] node at each chain's end."""
        return self.ptr[1:] - 1


def read_chains(graph: Graph) -> Chains:
    """The chains of a graph of :func:`graphcl.graph.chain.build_chains`, also of several of them in a PyG batch.

    Raises:
        UserError: it is no graph of chains.
    """
    fields: list[Any] = [graph.get(name) for name in ("item", "pos", "num_items")]
    if any(field is None for field in fields):
        raise UserError(
            "this part needs a graph of chains ('item', 'pos' and 'num_items' of graphcl.graph.chain.build_chains)"
        )
    item, pos, num_items = fields
    batch, ptr = graph.get("batch"), graph.get("ptr")
    if batch is None or ptr is None:  # one chain
        batch, ptr = torch.zeros_like(item), torch.tensor([0, len(item)], device=item.device)
    return Chains(item, pos, batch, ptr, int(torch.as_tensor(num_items).max()))


def ends(latent: Tensor, chains: Chains, rows: Tensor | None) -> Tensor | None:
    """[G, d], the rows of the chains' ends; None where ``rows`` [M], which are all that ``latent`` has, lack some."""
    if rows is None:
        return latent.index_select(0, chains.last)
    at = torch.searchsorted(rows, chains.last).clamp_max(max(len(rows) - 1, 0))
    if not len(rows) or not torch.equal(rows.index_select(0, at), chains.last):
        return None
    return latent.index_select(0, at)


def item_parameters(
    graph: Graph, dim: int, std: float, generator: torch.Generator
) -> tuple[nn.ParameterDict, nn.Parameter]:
    """What a tower over chains learns of items: ``item`` -> the table [num_items, dim], and the mask token [1, dim].

    Raises:
        UserError: the graph is not one of chains.
    """
    items, token = (
        nn.Parameter(initial((rows, dim), "normal", generator, std)) for rows in (read_chains(graph).num_items, 1)
    )
    return nn.ParameterDict({"item": items}), token


def embed_items(table: Tensor, hidden: Tensor, item: Tensor) -> Tensor:
    """[n, d], the row of each item; ``hidden`` [1, d] where it is the mask token, the number after the last."""
    rows = table.index_select(0, item.clamp_max(len(table) - 1))
    return torch.where((item == len(table))[:, None], hidden, rows)


def refuse_long(chains: Chains, max_len: int, tower: str) -> None:
    """See that every chain has a position for each of its nodes.

    Raises:
        UserError: one has more nodes than ``max_len``.
    """
    longest = int(chains.lengths.max()) if len(chains.lengths) else 0
    if longest > max_len:
        raise UserError(
            f"{tower}: a chain has {longest:,} items and max_len is {max_len:,}; raise the tower's max_len, or cut the "
            "histories"
        )
