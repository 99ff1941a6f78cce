"""Augmenters of the trees of programs: parts are left out, independent statements change places."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from graphcl.augment.drop_nodes import keep_nodes, members_of
from graphcl.augment.plain import plain
from graphcl.augment.rebuild import map_tensors, uniform
from graphcl.core.options import Probability
from graphcl.core.registry import register
from graphcl.encode.base import Graph
from graphcl.graph.code import EDGE_KINDS, layout_of, next_uses
from graphcl.graph.trees import above, below, parting

_SIBLING = EDGE_KINDS.index("sibling")


def flagged(graph: Graph, what: Literal["statement", "call", "jump"]) -> Tensor:
    """[N] bool: the nodes of kinds that are statements, calls or jumps."""
    return layout_of(graph).flags(what).to(graph.kind.device).index_select(0, graph.kind.long())


@plain
def drop_subtrees(
    graph: Graph, p: Probability, *, of: Literal["statements", "nodes"] = "statements", generator: torch.Generator
) -> Graph:
    """Leave out each statement, or each node, with probability ``p``, with all that is below it.

    Nodes keep their place; the mask ``kept_nodes`` tells towers and pooling that they are gone. A root stays.

    Args:
        graph: programs (data.kind=code_set).
        p: probability that a subtree's root is drawn; more than this share of the nodes goes, by those below.
        of: which nodes are drawn.
        generator: source of the draws.

    Raises:
        UserError: the graph is none of programs.
    """
    layout_of(graph)
    parent: Tensor = graph.parent_index
    drawn = uniform(parent.numel(), parent, generator) < p
    drawn &= parent != torch.arange(parent.numel(), device=parent.device)
    if of == "statements":
        drawn &= flagged(graph, "statement")
    return keep_nodes(graph, {"": ~below(parent, drawn)}, zero=False)


@plain
def swap_statements(graph: Graph, p: Probability, *, generator: torch.Generator) -> Graph:
    """Let neighbouring statements that do not depend on each other change places, each pair with probability ``p``.

    Two are taken to be independent where they share no name, at most one of them calls anything, and none leaves the
    block early (``return``, ``break``, ...). What changes is the edges to the next sibling; of overlapping pairs the
    first is taken.

    Args:
        graph: programs (data.kind=code_set) with edges between siblings.
        p: probability that an independent pair changes places.
        generator: source of the draws.

    Raises:
        UserError: the graph is none of programs.
    """
    layout_of(graph)
    edges, sibling = graph.edge_index, graph.edge_kind % len(EDGE_KINDS) == _SIBLING
    first, second = independent_pairs(graph)
    taken = uniform(first.numel(), edges, generator) < p
    starts = torch.zeros(graph.num_nodes, dtype=torch.bool, device=edges.device)
    starts[second[taken]] = True  # of an overlapping pair
    taken &= ~starts.index_select(0, first)
    first, second = first[taken], second[taken]
    place = torch.arange(graph.num_nodes, device=edges.device)
    place = place.index_copy(0, first, second).index_copy(0, second, first)
    moved = torch.where(sibling, place[edges], edges)
    return map_tensors(graph, lambda _, name, value: moved if name == "edge_index" else value.clone())


def independent_pairs(graph: Graph) -> tuple[Tensor, Tensor]:
    """[M] and [M]: statements and the next siblings that they may change places with; see :func:`swap_statements`."""
    statement, parent = flagged(graph, "statement"), graph.parent_index
    first, second = graph.edge_index[:, graph.edge_kind == _SIBLING]
    both = statement.index_select(0, first) & statement.index_select(0, second)
    first, second = first[both], second[both]
    shared = parting(parent, next_uses(graph.name, members_of(graph, parent.numel(), parent)))
    count = parent.numel()
    dependent = torch.isin(first * count + second, shared[0] * count + shared[1])
    dependent |= torch.isin(second * count + first, shared[0] * count + shared[1])
    calls, jumps = (above(parent, flagged(graph, what)) for what in ("call", "jump"))
    dependent |= calls.index_select(0, first) & calls.index_select(0, second)
    dependent |= jumps.index_select(0, first) | jumps.index_select(0, second)
    return first[~dependent], second[~dependent]


@register("augmenter", "drop_subtrees", example={"p": 0.3}, level="graph", stochastic=True, edges="programs")
class DropSubtrees(nn.Module):
    """Leaves out statements of programs; see :func:`drop_subtrees`."""

    def __init__(self, p: Probability = 0.1, of: Literal["statements", "nodes"] = "statements") -> None:
        """
        Args:
            p: Probability that a statement (or node) is left out, with all below it.
            of: Whether only statements are drawn, or any node.
        """
        super().__init__()
        self.p, self.of = p, of

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The programs without what was drawn."""
        return drop_subtrees(graph, self.p, of=self.of, generator=generator)


@register("augmenter", "swap_statements", example={"p": 0.5}, level="graph", stochastic=True, edges="programs")
class SwapStatements(nn.Module):
    """Swaps independent neighbouring statements of programs; see :func:`swap_statements`."""

    def __init__(self, p: Probability = 0.5) -> None:
        """
        Args:
            p: Probability that a pair of independent neighbours changes places.
        """
        super().__init__()
        self.p = p

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The programs with statements in another order."""
        return swap_statements(graph, self.p, generator=generator)
