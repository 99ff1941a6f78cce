"""The augmenter that puts dead code into programs: statements of other programs, under names of their own."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from graphcl.augment.code_trees import flagged
from graphcl.augment.drop_nodes import members_of
from graphcl.augment.plain import plain
from graphcl.augment.rebuild import ORIG_ID, uniform
from graphcl.core.errors import UserError
from graphcl.core.options import Count, Probability
from graphcl.core.registry import register
from graphcl.encode.base import KEPT, Graph
from graphcl.graph.batch import graph_batch, pointer, ranges
from graphcl.graph.code import EDGE_KINDS, as_programs, both_ways, following, layout_of, next_uses
from graphcl.graph.trees import above, depths, subtree_sizes

_SIBLING = EDGE_KINDS.index("sibling")


@plain
def insert_statements(graph: Graph, p: Probability, *, largest: Count = 30, generator: torch.Generator) -> Graph:
    """After each statement, with probability ``p``, put a copy of some statement of the batch.

    Its names become names of their own, which nothing else in the program uses: dead code, as one of ContraBERT's
    operators inserts it (Liu et al., ICSE 2023). Statements that leave a block early are not copied. The result has
    more nodes: views of it are compared by their graphs, not node by node.

    Args:
        graph: programs (data.kind=code_set), whole and with all their edges.
        p: probability that a statement gets one after it.
        largest: most nodes of what is inserted.
        generator: source of the draws.

    Raises:
        UserError: the graph is none of programs, or nodes or edges were taken out of it before.
    """
    layout_of(graph)
    if KEPT in graph or ORIG_ID in graph:
        raise UserError("insert_statements: put it before the augmenters that take nodes or edges out")
    parent: Tensor = graph.parent_index
    sizes, statement = subtree_sizes(parent), flagged(graph, "statement")
    statement &= parent != torch.arange(parent.numel(), device=parent.device)
    donors = (statement & (sizes <= largest) & ~above(parent, flagged(graph, "jump"))).nonzero().view(-1)
    targets = (statement & (uniform(parent.numel(), parent, generator) < p)).nonzero().view(-1)
    if not donors.numel():
        targets = targets[:0]
    draw = (uniform(targets.numel(), parent, generator) * donors.numel()).long().clamp_max(max(len(donors) - 1, 0))
    return _inserted(graph, targets, donors[draw], sizes)


def _inserted(graph: Graph, targets: Tensor, donors: Tensor, sizes: Tensor) -> Graph:
    """The graph with a copy of the subtree of each donor as the next sibling of its target."""
    parent, count = graph.parent_index, int(graph.num_nodes or 0)
    member = members_of(graph, count, parent)
    long = sizes.index_select(0, donors)
    copied, roots = ranges(donors, long), count + pointer(long)[:-1]
    shift = (roots - donors).repeat_interleave(long)
    # Where each node goes: copies after the subtree of their target, of nested targets the inner one's first.
    after = (targets + sizes.index_select(0, targets)).repeat_interleave(long)
    inner = -depths(parent).index_select(0, targets).repeat_interleave(long)
    key = torch.cat([torch.arange(count, device=parent.device) * 2 + 1, after * 2])
    tie = torch.cat([torch.zeros_like(parent), inner])
    order = tie.argsort(stable=True)
    order = order.index_select(0, key.index_select(0, order).argsort(stable=True))
    place = torch.empty_like(order).index_copy_(0, order, torch.arange(len(order), device=order.device))
    above_copy = parent.index_select(0, copied) + shift
    above_copy[roots - count] = parent.index_select(0, targets)
    values = {name: _more(graph[name], copied) for name in ("kind", "words", "own")}
    values["name"] = torch.cat([graph.name, _own_names(graph, copied, member, targets, long)])
    new_member = torch.cat([member, member.index_select(0, targets).repeat_interleave(long)])
    edges, kinds = _edges(graph, torch.cat([parent, above_copy]), values["name"], new_member, targets, roots)
    values = {name: value.index_select(0, order) for name, value in values.items()}
    values["parent_index"] = place.index_select(0, torch.cat([parent, above_copy]).index_select(0, order))
    edges = place[edges]
    sort = edges[0].argsort(stable=True)
    edges, kinds = edges.index_select(1, sort), kinds.index_select(0, sort)
    return _rebuilt(graph, values, edges, kinds, new_member.index_select(0, order))


def _more(values: Tensor, copied: Tensor) -> Tensor:
    return torch.cat([values, values.index_select(0, copied)])


def _own_names(graph: Graph, copied: Tensor, member: Tensor, targets: Tensor, long: Tensor) -> Tensor:
    """Numbers of the names of copies, none of which the program has."""
    name = graph.name.index_select(0, copied)
    most = int(graph.name.max()) + 1 if graph.name.numel() else 1
    which = torch.arange(len(long), device=long.device).repeat_interleave(long)
    return torch.where(name < 0, name, (most * (1 + which) + name).to(name.dtype))


def _edges(
    graph: Graph, parent: Tensor, name: Tensor, member: Tensor, targets: Tensor, roots: Tensor
) -> tuple[Tensor, Tensor]:
    """Old and new edges, by numbers in which copies follow all old nodes."""
    which, count = layout_of(graph).edges, int(graph.num_nodes or 0)
    follower = torch.full((len(parent),), -1, device=parent.device)
    follower[targets] = roots
    old, kind = graph.edge_index, graph.edge_kind
    sibling = kind % len(EDGE_KINDS) == _SIBLING
    start = torch.where(kind < len(EDGE_KINDS), old[0], old[1])  # the earlier of two siblings
    cut = sibling & (follower.index_select(0, start) >= 0)
    fresh = torch.arange(count, len(parent), device=parent.device)
    pairs = {"child": torch.stack([parent.index_select(0, fresh), fresh])}
    inside = torch.zeros_like(parent, dtype=torch.bool)
    inside[roots] = True
    inner = fresh[~inside.index_select(0, fresh)]
    beside = [following(inner, parent.index_select(0, inner)), torch.stack([targets, roots])]
    there = cut & (kind == _SIBLING)
    beside.append(torch.stack([follower.index_select(0, old[0][there]), old[1][there]]))
    pairs["sibling"] = torch.cat(beside, dim=1)
    uses = next_uses(name[count:], member[count:]) + count
    new, new_kind = both_ways({k: v for k, v in {**pairs, "use": uses}.items() if k in which})
    return torch.cat([old[:, ~cut], new.to(old.device)], dim=1), torch.cat([kind[~cut], new_kind.to(kind.device)])


def _rebuilt(graph: Graph, values: dict[str, Tensor], edges: Tensor, kinds: Tensor, member: Tensor) -> Graph:
    if "batch" not in graph:
        made = Data(**values, edge_index=edges, edge_kind=kinds, num_nodes=len(member))
        return as_programs(made, layout_of(graph))
    sizes = torch.bincount(member, minlength=graph.num_graphs)
    per_graph = torch.bincount(member.index_select(0, edges[0]), minlength=graph.num_graphs)
    made = graph_batch(None, edges, sizes, per_graph, of_nodes=values, of_edges={"edge_kind": kinds})
    return as_programs(made, layout_of(graph))


@register("augmenter", "insert_statements", example={"p": 0.5}, level="graph", stochastic=True, edges="programs")
class InsertStatements(nn.Module):
    """Puts dead code into programs; see :func:`insert_statements`. Pair the graphs of its views, not their nodes."""

    def __init__(self, p: Probability = 0.1, largest: Count = 30) -> None:
        """
        Args:
            p: Probability that a statement gets a dead one after it.
            largest: Most nodes of a dead statement.
        """
        super().__init__()
        self.p, self.largest = p, largest

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The programs with dead code."""
        return insert_statements(graph, self.p, largest=self.largest, generator=generator)
