"""Augmenters of the words of programs: names are changed throughout a program, leaves hidden behind their kind."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from graphcl.augment.drop_nodes import members_of
from graphcl.augment.plain import plain
from graphcl.augment.rebuild import map_tensors, uniform
from graphcl.core.options import Probability
from graphcl.core.registry import register
from graphcl.encode.base import Graph
from graphcl.graph.code import layout_of


@plain
def rename_names(graph: Graph, p: Probability, *, generator: torch.Generator) -> Graph:
    """Give each name that a program declares another with probability ``p``, the same wherever it is used.

    ContraBERT's renaming of variables and functions (Liu et al., ICSE 2023). Each of its words becomes a word drawn
    from the declared names of all programs of the batch, so that a new name is made of what names are made of.

    Args:
        graph: programs (data.kind=code_set).
        p: probability that a name is changed.
        generator: source of the draws.

    Raises:
        UserError: the graph is none of programs.
    """
    layout_of(graph)
    words = graph.words
    nodes = graph.own.nonzero().view(-1)
    member = members_of(graph, words.shape[0], words).index_select(0, nodes)
    most = int(graph.name.max()) + 1 if nodes.numel() else 1
    name, which = torch.unique(member * most + graph.name.index_select(0, nodes), return_inverse=True)
    changed = (uniform(name.numel(), words, generator) < p).index_select(0, which)
    old = words.index_select(0, nodes)
    pool = old[old > 0]
    draw = (uniform((name.numel(), words.shape[1]), words, generator) * pool.numel()).long()
    draw = draw.clamp_max(max(pool.numel() - 1, 0))
    drawn = pool[draw] if pool.numel() else words[:0]
    new = torch.where(changed[:, None] & (old > 0), drawn.index_select(0, which), old)
    return _with(graph, words=words.index_copy(0, nodes, new))


@plain
def hide_words(
    graph: Graph,
    p: Probability,
    *,
    of: Literal["any", "one_kind"] = "any",
    shows: Literal["kind", "nothing"] = "kind",
    generator: torch.Generator,
) -> Graph:
    """Hide the words of each leaf with probability ``p``: CoCoSoDa's soft augmentation (Shi et al., ICSE 2023).

    Their dynamic replacement (DR) shows the kind of the token in its place, and of a specified type (DRST) draws only
    leaves of one kind, chosen for each program; dynamic masking (DM, DMST) shows nothing.

    Args:
        graph: programs (data.kind=code_set).
        p: probability that a leaf is hidden.
        of: ``one_kind`` hides leaves of one kind of node only, drawn among the leaves of each program.
        shows: what is left of a hidden leaf: its ``kind``, or ``nothing``.
        generator: source of the draws.

    Raises:
        UserError: the graph is none of programs.
    """
    layout_of(graph)
    leaf = (graph.words > 0).any(1)
    hidden = leaf & (uniform(leaf.numel(), leaf, generator) < p)
    if of == "one_kind":
        hidden &= _of_one_kind(graph, leaf, generator)
    words = graph.words.masked_fill(hidden[:, None], 0)
    return _with(graph, words=words, kind=graph.kind.masked_fill(hidden, 0) if shows == "nothing" else graph.kind)


def _of_one_kind(graph: Graph, leaf: Tensor, generator: torch.Generator) -> Tensor:
    """[N] bool: the nodes of the kind that one leaf of each program, drawn at random, has."""
    member = members_of(graph, leaf.numel(), leaf)
    count = int(member.max()) + 1 if member.numel() else 0
    draw = torch.where(leaf, uniform(leaf.numel(), leaf, generator), 2.0)
    least = draw.new_full((count,), 3.0).scatter_reduce(0, member, draw, "amin")
    picked = leaf & (draw == least.index_select(0, member))
    kind = torch.full((count,), -1, device=leaf.device)
    kind = kind.index_copy(0, member[picked], graph.kind[picked].long())
    return graph.kind == kind.index_select(0, member)


def _with(graph: Graph, **changed: Tensor) -> Graph:
    """The graph with these tensors, sharing none with the given one."""
    return map_tensors(graph, lambda _, name, value: changed.get(name, value).clone())


@register("augmenter", "rename_names", example={"p": 0.5}, level="graph", stochastic=True, edges="programs")
class RenameNames(nn.Module):
    """Renames what programs declare; see :func:`rename_names`."""

    def __init__(self, p: Probability = 0.5) -> None:
        """
        Args:
            p: Probability that a name is changed, throughout its program.
        """
        super().__init__()
        self.p = p

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The programs with other names."""
        return rename_names(graph, self.p, generator=generator)


@register("augmenter", "hide_words", example={"p": 0.5}, level="graph", stochastic=True, edges="programs")
class HideWords(nn.Module):
    """Hides the words of leaves of programs; see :func:`hide_words`."""

    def __init__(
        self,
        p: Probability = 0.15,
        of: Literal["any", "one_kind"] = "any",
        shows: Literal["kind", "nothing"] = "kind",
    ) -> None:
        """
        Args:
            p: Probability that a leaf is hidden.
            of: Leaves of any kind, or of one kind that is drawn for each program.
            shows: What is left of a hidden leaf: its kind of node, or nothing.
        """
        super().__init__()
        self.p, self.of, self.shows = p, of, shows

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The programs with hidden leaves."""
        return hide_words(graph, self.p, of=self.of, shows=self.shows, generator=generator)
