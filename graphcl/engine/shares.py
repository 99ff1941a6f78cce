"""How the ranks divide a step: records of a batch, rows of a term, and the value of a term put together again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Batch as GraphBatch
from torch_geometric.data import Data

from graphcl.augment.rebuild import is_edge_level, map_tensors
from graphcl.core.address import parse_address
from graphcl.encode.base import Graph, View
from graphcl.engine.distributed import Ranks
from graphcl.objective.base import Anchored, Flow, Rows, Term, concatenate, total_weight
from graphcl.objective.kernels import divided


def divisible(graphs: Mapping[str, Graph], count: int) -> bool:
    """Whether every graph of a batch is made of at least ``count`` records, so that each rank can encode some."""
    return bool(graphs) and all(records_in(graph) >= count for graph in graphs.values())


def records_in(graph: Graph) -> int:
    """Records that a batch is made of, one after the other (``ptr``); 0 for a graph that is none."""
    pointers = graph.get("ptr") if isinstance(graph, Data) else None
    return 0 if pointers is None else pointers.numel() - 1


def take_records(graph: Graph, ranks: Ranks) -> Graph:
    """This rank's records of a batch, which are as consecutive there as their nodes."""
    records = records_in(graph)
    own = ranks.share(records)
    begin, end = (int(graph.ptr[at]) for at in (own.start, own.stop))
    inside = ((graph.edge_index[0] >= begin) & (graph.edge_index[0] < end)).nonzero().view(-1)

    def change(store: Any, name: str, value: Tensor) -> Tensor:
        if name == "ptr":
            return value[own.start : own.stop + 1] - begin
        if name == "batch":
            return value[begin:end] - own.start
        if is_edge_level(store, name):
            kept = value.index_select(graph.__cat_dim__(name, value, store), inside)
            return kept - begin if name == "edge_index" else kept
        if store.is_node_attr(name):
            return value[begin:end]
        return value[own] if value.dim() and value.shape[0] == records else value

    taken = map_tensors(graph, change)
    taken.num_nodes = end - begin
    if isinstance(taken, GraphBatch):
        taken._num_graphs = own.stop - own.start
    return taken


class OwnShare:
    """The flow as a term sees it that is taken over this rank's anchors only: of every named row set its share.

    Row sets of one length are cut at the same places, so what is paired by position stays paired. Rows that are not
    named are whole, to be looked up in.

    Attributes:
        divided: Whether anything was cut; where nothing was, every rank computes the same value.
    """

    def __init__(self, flow: Flow, ranks: Ranks, types: Collection[str]) -> None:
        self._flow, self._ranks, self._types = flow, ranks, types
        self.step, self.epoch, self.divided = flow.step, flow.epoch, False

    def rows(self, address: str | list[str]) -> Rows:
        """This rank's part of the rows at an address."""
        if isinstance(address, list):
            return concatenate([self.rows(one) for one in address])
        rows = self._flow.rows(address)
        if parse_address(address, self._types).rows is None:
            return rows
        self.divided = True
        own = self._ranks.share(len(rows))
        index = torch.arange(len(rows), device=rows.base.device) if rows.index is None else rows.index
        ids, member, place = (None if part is None else part[own] for part in (rows.ids, rows.member, rows.place))
        return Rows(rows.base, index[own], ids, member, place=place)

    def tensor(self, address: str) -> Tensor:
        """See :class:`graphcl.objective.base.Flow`."""
        return self._flow.tensor(address)

    def parameters(self, *names: str) -> Mapping[str, Tensor]:
        """See :class:`graphcl.objective.base.Flow`."""
        return self._flow.parameters(*names)

    def view(self, name: str) -> View:
        """See :class:`graphcl.objective.base.Flow`."""
        return self._flow.view(name)

    def generator(self, purpose: str) -> torch.Generator:
        """See :class:`graphcl.objective.base.Flow`."""
        return self._flow.generator(purpose)


def groups_of(
    term: Term, call: Callable[[Flow], list[Anchored]], flow: Flow, ranks: Ranks, types: Collection[str], *, whole: bool
) -> list[Anchored]:
    """A term's groups, the work divided among the ranks.

    Args:
        term: Says how its values combine.
        call: Calls the term on a flow.
        flow: Gives the same rows on every rank.
        ranks: The ranks.
        types: Node types, to read addresses by.
        whole: Whether the term must see all rows whatever it says (they were gathered already).

    Returns:
        Groups whose reduced value is the term's on the mean over ranks, and so is the gradient.
    """
    if ranks.count == 1:
        return call(flow)
    if term.combine == "gather" or whole:
        with divided(ranks):
            return call(flow)
    own = OwnShare(flow, ranks, types)
    groups = call(own)
    return [_together(group, ranks) for group in groups] if own.divided else groups


def _together(group: Anchored, ranks: Ranks) -> Anchored:
    """One rank's group, weighed by what all ranks have: the mean over ranks of such groups is the whole one."""
    total = ranks.add_(total_weight(group).detach().clone().reshape(1))
    return Anchored(group.values * ranks.count, total, group.ids, group.left_out)
