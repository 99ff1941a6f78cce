"""A program as a graph: the nodes of its syntax tree, and edges to children, next siblings and next uses of a name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch_geometric.data import Data, HeteroData

from graphcl.core.errors import UserError
from graphcl.graph.edge_kinds import KINDS

EdgeKind = Literal["child", "sibling", "use"]
EDGE_KINDS: tuple[EdgeKind, ...] = ("child", "sibling", "use")
#: Names of the numbers that :func:`code_edges` gives, whichever kinds are asked for.
EDGE_NAMES = (*EDGE_KINDS, *(f"{kind}, back" for kind in EDGE_KINDS))
#: The kind of nodes that training has not seen.
UNKNOWN = "?"
#: Kinds of nodes that are statements, beside those that end so.
_STATEMENTS = frozenset({
    "declaration", "local_variable_declaration", "lexical_declaration", "variable_declaration", "short_var_declaration",
    "var_declaration", "const_declaration", "assignment", "operator_assignment",
})  # fmt: skip
_BLOCKS = frozenset({"compound_statement", "labeled_statement", "case_statement", "statement_block"})


class CodeLayout(NamedTuple):
    """What the numbers of a program's nodes mean.

    Attributes:
        kinds: Names of the kinds of nodes; the first is that of all that are not known.
        buckets: That words are hashed into; 0 is no word.
        words: Most words of a node.
        edges: Which kinds of edges there are, each there and back.
    """

    kinds: tuple[str, ...]
    buckets: int
    words: int
    edges: tuple[EdgeKind, ...] = EDGE_KINDS

    def flags(self, what: Literal["statement", "call", "jump"]) -> Tensor:
        """[kinds] bool: which kinds of nodes are statements, calls, or leave a block early."""
        return _flags(self.kinds, what)


def as_programs(graph: Data, layout: CodeLayout) -> Data:
    """The same graph, which now says what its numbers mean: those of nodes, and the kinds of its edges."""
    graph.code, graph[KINDS] = layout, EDGE_NAMES
    return graph


def layout_of(graph: Data | HeteroData) -> CodeLayout:
    """What the numbers of a program's nodes mean.

    Raises:
        UserError: the graph is none of programs.
    """
    layout = graph.get("code") if "code" in graph else None
    if not isinstance(layout, CodeLayout):
        raise UserError("this needs graphs of programs, with a kind and words of each node (data.kind=code_set)")
    return layout


@lru_cache(maxsize=32)
def _flags(kinds: tuple[str, ...], what: str) -> Tensor:
    if what == "statement":
        found = [(k.endswith("_statement") or k in _STATEMENTS) and k not in _BLOCKS for k in kinds]
    elif what == "call":
        found = ["call" in k or "invocation" in k or k == "object_creation_expression" for k in kinds]
    else:
        jumps = ("return", "break", "continue", "goto", "throw", "raise", "yield", "next", "exit")
        found = [any(k in (word, f"{word}_statement", f"{word}_expression") for word in jumps) for k in kinds]
    return torch.tensor(found, dtype=torch.bool)


def code_edges(
    parent: Tensor, name: Tensor, batch: Tensor, which: Sequence[EdgeKind] = EDGE_KINDS
) -> tuple[Tensor, Tensor]:
    """Edges of programs whose nodes lie in the order of their texts.

    >>> edges, kind = code_edges(torch.tensor([0, 0, 0]), torch.tensor([-1, 0, 0]), torch.zeros(3, dtype=torch.int64))
    >>> sorted(zip(kind.tolist(), *edges.tolist()))
    [(0, 0, 1), (0, 0, 2), (1, 1, 2), (2, 1, 2), (3, 1, 0), (3, 2, 0), (4, 2, 1), (5, 2, 1)]

    Args:
        parent: [N] position of each node's parent; its own of a root.
        name: [N] number of the name that a node is within its program, -1 for none.
        batch: [N] the program of each node.
        which: Kinds of edges to make.

    Returns:
        [2, E] edges, sorted by source, and [E] uint8 their kinds: 0 to a child, 1 to the next sibling, 2 to the next
        use of a name, and the same plus 3 for the way back.
    """
    nodes = torch.arange(parent.numel(), device=parent.device)
    inner = nodes[parent != nodes]
    pairs: dict[str, Tensor] = {}
    if "child" in which:
        pairs["child"] = torch.stack([parent.index_select(0, inner), inner])
    if "sibling" in which:
        pairs["sibling"] = following(inner, parent.index_select(0, inner))
    if "use" in which:
        pairs["use"] = next_uses(name, batch)
    return both_ways(pairs)


def next_uses(name: Tensor, batch: Tensor) -> Tensor:
    """[2, M]: each node that is a name with the next that is the same in its program; see :func:`code_edges`."""
    named = (name >= 0).nonzero().view(-1)
    most = int(name.max()) + 1 if named.numel() else 1
    return following(named, batch.index_select(0, named) * most + name.index_select(0, named).long())


def both_ways(pairs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Edges of each kind there and back, sorted by source; see :func:`code_edges`."""
    found = [pairs[kind].cpu() for kind in EDGE_KINDS if kind in pairs]
    there = torch.cat([torch.zeros(2, 0, dtype=torch.int64), *found], dim=1)
    count = [pairs[kind].shape[1] if kind in pairs else 0 for kind in EDGE_KINDS]
    kind = torch.arange(len(EDGE_KINDS), dtype=torch.uint8).repeat_interleave(torch.tensor(count))
    edges = torch.cat([there, there.flip(0)], dim=1)
    kinds = torch.cat([kind, kind + len(EDGE_KINDS)])
    order = edges[0].argsort(stable=True)
    return edges.index_select(1, order), kinds.index_select(0, order)


def following(nodes: Tensor, key: Tensor) -> Tensor:
    """[2, M]: of nodes in order, each with the next of the same key."""
    order = key.argsort(stable=True)
    sorted_nodes, same = nodes.index_select(0, order), key.index_select(0, order)
    where = (same[1:] == same[:-1]).nonzero().view(-1)
    return torch.stack([sorted_nodes.index_select(0, where), sorted_nodes.index_select(0, where + 1)])
