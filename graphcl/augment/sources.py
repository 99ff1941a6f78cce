"""Sources: whose row of a view stands for an anchor. Training graph only; an anchor without a partner is its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch_geometric.data import Data, HeteroData

from graphcl.augment.random_walk import walk
from graphcl.augment.rebuild import global_edges, node_counts, uniform
from graphcl.core.address import parse_address
from graphcl.core.errors import UserError, suggestion
from graphcl.core.options import Address, Count
from graphcl.core.registry import register
from graphcl.encode.base import Graph


class Partners(NamedTuple):
    """What a source answers.

    Attributes:
        ids: [B], the partners, of the anchors' node type.
        alone: [B] bool, anchors that had none and stand for themselves.
    """

    ids: Tensor
    alone: Tensor


def neighbours(
    ids: Tensor, graph: Graph, *, node_type: str = "", hops: int = 1, generator: torch.Generator
) -> Partners:
    """For each node one that a random walk reaches.

    Args:
        ids: [B], nodes of ``node_type``.
        graph: the training graph.
        node_type: "" in a homogeneous graph.
        hops: length of the walk; between users and items an even number leads back to the same type.
        generator: source of the draws.

    Raises:
        UserError: no walk of this length ends at a node of the same type.
    """
    edges, offsets = global_edges(graph)
    counts = node_counts(graph)
    start = offsets.get(node_type, 0)
    at = ids + start
    for reached in walk(edges, at, hops, sum(counts.values()), generator=generator):
        at = reached
    stop = start + counts[node_type] if node_type else sum(counts.values())
    alone = (at < start) | (at >= stop) | (at == ids + start)
    if ids.numel() and bool(((at < start) | (at >= stop)).all()):
        raise UserError(f"source neighbour: {hops} hops never lead from {node_type!r} back to it; take an even number")
    return Partners(torch.where(alone, ids, at - start), alone)


def listed(ids: Tensor, table: Tensor, *, generator: torch.Generator) -> Partners:
    """For each node one that a table lists for it, all alike.

    Args:
        ids: [B].
        table: [N] or [N, K] int64 of nodes; a negative entry is none, and a node's own id is none either.
        generator: source of the draws.
    """
    rows = table.reshape(table.shape[0], -1).index_select(0, ids)
    usable = (rows >= 0) & (rows != ids.unsqueeze(1))
    count = usable.sum(1)
    # The number of the entry taken, among the usable ones; the product can round up to the count itself.
    number = torch.minimum((uniform(ids.numel(), ids, generator) * count).long(), (count - 1).clamp_min(0))
    hit = usable & (usable.cumsum(1) == number.unsqueeze(1) + 1)
    alone = count == 0
    return Partners(torch.where(alone, ids, (rows * hit).sum(1)), alone)


def same_group(ids: Tensor, groups: Tensor, *, generator: torch.Generator) -> Partners:
    """For each node another one of its group, all alike.

    Args:
        ids: [B].
        groups: [N] int64, the group of each node; a negative number is none.
        generator: source of the draws.
    """
    member = (groups >= 0).nonzero().view(-1)
    member = member.index_select(0, groups.index_select(0, member).argsort(stable=True))  # group after group
    sizes = torch.bincount(groups.index_select(0, member), minlength=1)
    place = torch.full_like(groups, -1).index_copy_(0, member, torch.arange(member.numel(), device=member.device))
    group, own = groups.index_select(0, ids), place.index_select(0, ids)
    alone = (group < 0) | (sizes.index_select(0, group.clamp_min(0)) < 2)
    first = (sizes.cumsum(0) - sizes).index_select(0, group.clamp_min(0))
    others = (sizes.index_select(0, group.clamp_min(0)) - 1).clamp_min(1)
    step = torch.minimum((uniform(ids.numel(), ids, generator) * others).long(), others - 1)
    chosen = first + step
    chosen = chosen + (chosen >= own)  # the anchor itself is passed over
    if not member.numel():
        return Partners(ids, alone)
    return Partners(torch.where(alone, ids, member.index_select(0, chosen.clamp(0, member.numel() - 1))), alone)


@register("source", "self", example={})
class Self(nn.Module):
    """Every anchor is its own partner, the default."""

    def forward(self, ids: Tensor, graph: Graph, *, node_type: str = "", generator: torch.Generator) -> Partners:
        """The anchors themselves."""
        return Partners(ids, torch.zeros_like(ids, dtype=torch.bool))


@register("source", "neighbour", example={"hops": 2})
class Neighbour(nn.Module):
    """A random neighbour in the training graph: with hops=2 a user is paired with one who shares an item."""

    def __init__(self, hops: Count = 1) -> None:
        """
        Args:
            hops: Length of the random walk; between users and items an even number.
        """
        super().__init__()
        self.hops = hops

    def forward(self, ids: Tensor, graph: Graph, *, node_type: str = "", generator: torch.Generator) -> Partners:
        """See :func:`neighbours`."""
        return neighbours(ids, graph, node_type=node_type, hops=self.hops, generator=generator)


@register("source", "pair", example={"table": "input.twin"})
class Pair(nn.Module):
    """A partner that is given: in a table, such as a column of the graph or the field of a state, or by a relation.

    A table holds a node, or several of which one is drawn, in each row; -1 is none. The nearest neighbours of a
    memory bank are `states: {near: {knn: {rows: state.bank.values}}}` and the table `state.near.neighbours`.
    """

    def __init__(self, table: Address = "", relation: str = "") -> None:
        """
        Args:
            table: Address of a table [N] or [N, K] of nodes, input.COLUMN or state.NAME.FIELD; `*` is the node type.
            relation: Name of an edge type within one node type; the partner is a node that it leads to.

        Raises:
            UserError: not exactly one of them, or a table that is no column or state.
        """
        super().__init__()
        if bool(table) == bool(relation):
            raise UserError("source pair: give either 'table' or 'relation'")
        if table and parse_address(table).root not in ("input", "state"):
            raise UserError(f"source pair: table '{table}' must be input.COLUMN or state.NAME.FIELD")
        self.relation = relation
        self.reads = {"table": table} if table else {}

    def forward(
        self,
        ids: Tensor,
        graph: Graph,
        *,
        node_type: str = "",
        table: Tensor | None = None,
        generator: torch.Generator,
    ) -> Partners:
        """See :func:`listed`; a relation is followed for one step. An empty table has no partner for anyone.

        Raises:
            UserError: a table that is no whole numbers or does not have a row for each node, or no such relation.
        """
        if table is None:
            return neighbours(ids, _relation(graph, self.relation, node_type), generator=generator)
        if not table.numel():  # a state before its first run
            return Partners(ids, torch.ones_like(ids, dtype=torch.bool))
        count = node_counts(graph)[node_type]
        if table.is_floating_point() or table.dim() not in (1, 2) or table.shape[0] != count:
            raise UserError(
                f"source pair: table '{self.reads['table']}' is {table.dtype} {list(table.shape)}; it must hold whole"
                f" numbers [{count}] or [{count}, K]"
            )
        if int(table.max()) >= count:
            raise UserError(f"source pair: table '{self.reads['table']}' names node {int(table.max())} of {count}")
        return listed(ids, table, generator=generator)


def _relation(graph: Graph, name: str, node_type: str) -> Graph:
    """The graph of one edge type within ``node_type``."""
    types = graph.edge_types if isinstance(graph, HeteroData) else []
    within = {edge_type[1]: edge_type for edge_type in types if edge_type[0] == edge_type[2] == node_type}
    if name not in within:
        raise UserError(f"source pair: no relation {name!r} from {node_type!r} to itself{suggestion(name, within)}")
    return Data(edge_index=graph[within[name]].edge_index, num_nodes=graph[node_type].num_nodes)


@register("source", "same_label", example={})
class SameLabel(nn.Module):
    """Another training node of the same class: supervised contrast (Khosla et al., NeurIPS 2020).

    Only labels of the training split are read; every other node is its own partner.
    """

    #: what it knows by position in the task's full graph, so that it has no answer for a piece of it
    of_whole_graph = ("labels",)

    def __init__(self, *, task: Any = None) -> None:
        """
        Args:
            task: Gives ``train_labels``, node type -> [N] int64 with -1 for all but training nodes (supplied).

        Raises:
            UserError: the task has none.
        """
        super().__init__()
        labels: Mapping[str, Tensor] | None = getattr(task, "train_labels", None)
        if labels is None:
            raise UserError("source same_label: this task has no labels of training examples to give")
        self.labels = dict(labels)

    def forward(self, ids: Tensor, graph: Graph, *, node_type: str = "", generator: torch.Generator) -> Partners:
        """See :func:`same_group`."""
        if node_type not in self.labels:
            raise UserError(f"source same_label: nodes of type {node_type!r} have no labels")
        return same_group(ids, self.labels[node_type].to(ids.device), generator=generator)


@register("source", "same_target", example={})
class SameTarget(nn.Module):
    """Another training example with the same target: DuoRec's positive (Qiu et al., WSDM 2022).

    Of a sequence that is the item it predicts; of a graph its class, where the data has a training part (two programs
    that solve one problem, as in Zubkov et al., 2022): then training is no longer without labels.

    The whole example takes the anchor's place: the view is made of its graph, and read at the level ``graphs``.
    """

    of_records = True

    def __init__(self, *, task: Any = None) -> None:
        """
        Args:
            task: Gives ``target_of``, [examples] int64, what each training example predicts (supplied).

        Raises:
            UserError: the task has none.
        """
        super().__init__()
        target: Tensor | None = getattr(task, "target_of", None)
        if target is None:
            raise UserError(
                "source same_target: the examples of this task have no target each; it is for sequences, and for "
                "graphs whose data has a training part"
            )
        self.target = target

    def forward(self, ids: Tensor, graph: Graph, *, node_type: str = "", generator: torch.Generator) -> Partners:
        """See :func:`same_group`; ``ids`` are examples."""
        return same_group(ids, self.target.to(ids.device), generator=generator)
