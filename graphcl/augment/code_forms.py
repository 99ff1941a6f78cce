"""The augmenter that gives loops, branches, steps and comparisons of programs another form."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn

from graphcl.augment.plain import plain
from graphcl.augment.rebuild import map_tensors, uniform
from graphcl.core.options import Probability
from graphcl.core.registry import register
from graphcl.data.code_sets.subtokens import bucket
from graphcl.encode.base import Graph
from graphcl.graph.code import CodeLayout, layout_of

#: Kinds of nodes that can do each other's work.
KINDS = (
    "for_statement while_statement do_statement enhanced_for_statement for_range_loop for_in_statement "
    "foreach_statement while until for",
    "if_statement switch_statement switch_expression conditional_expression ternary_expression if unless case",
    "update_expression assignment_expression augmented_assignment assignment augmented_assignment_expression "
    "inc_statement dec_statement assignment_statement operator_assignment",
)
#: Signs that can do each other's work once what is around them is changed too: ``a < b`` is ``!(b <= a)``.
SIGNS = ("< > <= >= == != ! not", "&& || and or", "++ -- += -= + - =")


@lru_cache(maxsize=32)
def _groups(layout: CodeLayout) -> tuple[list[list[int]], list[list[int]]]:
    """Numbers of kinds, and of words, that can stand for each other."""
    place = {kind: number for number, kind in enumerate(layout.kinds)}
    kinds = [[place[kind] for kind in group.split() if kind in place] for group in KINDS]
    return kinds, [[bucket(sign, layout.buckets) for sign in group.split()] for group in SIGNS]


def _redrawn(values: Tensor, groups: list[list[int]], p: float, generator: torch.Generator) -> Tensor:
    """Each value of a group, with probability p, drawn anew from its group."""
    for group in groups:
        if len(group) < 2:
            continue
        members = torch.tensor(group, dtype=values.dtype, device=values.device)
        at = torch.isin(values, members).nonzero(as_tuple=True)
        changed = uniform(at[0].numel(), values, generator) < p
        draw = (uniform(at[0].numel(), values, generator) * len(group)).long().clamp_max(len(group) - 1)
        values = values.index_put(at, torch.where(changed, members.index_select(0, draw), values[at]))
    return values


@plain
def change_forms(graph: Graph, p: Probability, *, generator: torch.Generator) -> Graph:
    """Let loops, branches and steps be of another kind, and comparisons of another sign, each with probability ``p``.

    ``for`` for ``while``, ``switch`` for ``if``, ``i += 1`` for ``i++``, ``b > a`` for ``a < b``: what one changes who
    copies a program (levels 5 and 6 of Faidhi and Robinson, 1987). A kind is drawn among those of its group that the
    data has, a sign among those of its group, the old one among them; edges stay as they are.

    Args:
        graph: programs (data.kind=code_set).
        p: probability that a kind or sign is drawn anew.
        generator: source of the draws.

    Raises:
        UserError: the graph is none of programs.
    """
    kinds, signs = _groups(layout_of(graph))
    changed = {
        "kind": _redrawn(graph.kind, kinds, p, generator),
        "words": _redrawn(graph.words, signs, p, generator),
    }
    return map_tensors(graph, lambda _, name, value: changed.get(name, value).clone())


@register("augmenter", "change_forms", example={"p": 0.5}, level="graph", stochastic=True, edges="programs")
class ChangeForms(nn.Module):
    """Gives loops, branches, steps and comparisons of programs another form; see :func:`change_forms`."""

    def __init__(self, p: Probability = 0.5) -> None:
        """
        Args:
            p: Probability that a loop, branch, step or sign gets a form that is drawn.
        """
        super().__init__()
        self.p = p

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The programs in other forms."""
        return change_forms(graph, self.p, generator=generator)
