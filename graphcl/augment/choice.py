"""The augmenter that picks one of several."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from pydantic import Field
from torch import nn

from graphcl.augment.rebuild import uniform
from graphcl.core.build import build
from graphcl.core.config.tree import part_name
from graphcl.core.errors import UserError
from graphcl.core.options import NonNegative
from graphcl.core.registry import register, resolve
from graphcl.encode.base import Graph

#: Augmenter -> its options; `drop_edges#2` is a second of the kind.
Choices = Annotated[dict[str, dict[str, Any]], Field(min_length=1, json_schema_extra={"format": "augmenters"})]


def pick(weights: torch.Tensor, *, generator: torch.Generator) -> int:
    """A position drawn with probability proportional to its weight [K].

    >>> pick(torch.tensor([0.0, 1.0, 0.0]), generator=torch.Generator().manual_seed(0))
    1
    """
    edges = weights.double().cumsum(0)
    draw = uniform(1, edges, generator).double() * edges[-1]
    return int(torch.searchsorted(edges, draw, right=True).clamp_max(int(weights.nonzero().max())))


@register(
    "augmenter",
    "one_of",
    example={"choices": {"drop_edges": {"p": 0.5}, "drop_nodes": {"p": 0.5}}},
    level="graph",
    stochastic=True,
    edges="any",
)
class OneOf(nn.Module):
    """One of several graph-level augmenters, picked anew for every view drawn: GraphCL's random pairs (You et al.,
    NeurIPS 2020, where each graph of a batch has a pick of its own; here the batch has one).
    """

    def __init__(
        self, choices: Choices, weights: list[NonNegative] | None = None, *, generator: torch.Generator | None = None
    ) -> None:
        """
        Args:
            choices: Augmenter -> its options.
            weights: How likely each is, in the order of the choices; all alike without.
            generator: Source of initial weights of augmenters that have some (supplied).

        Raises:
            UserError: a choice is no graph-level augmenter, or the weights do not fit the choices.
        """
        super().__init__()
        weights = [1.0] * len(choices) if weights is None else list(weights)
        if len(weights) != len(choices) or not sum(weights):
            raise UserError(f"one_of: {len(choices)} choices need as many weights, not all 0; got {weights}")
        for label in choices:
            level = resolve("augmenter", part_name(label)).meta["level"]
            if level != "graph":
                raise UserError(f"one_of: {label} augments a {level}; choices are augmenters of graphs")
        self.weights = weights
        self.choices = nn.ModuleList(
            build("augmenter", part_name(label), options, generator=generator) for label, options in choices.items()
        )

    def prepare(self, graph: Graph) -> list[Any]:
        """What each choice needs of the graph before any augmentation; None where it needs nothing."""
        return [getattr(choice, "prepare", lambda _: None)(graph) for choice in self.choices]

    def forward(self, graph: Graph, *, generator: torch.Generator, prepared: list[Any] | None = None) -> Graph:
        """The graph as one of the choices leaves it; ``prepared`` is that of the graph itself unless given."""
        position = pick(torch.tensor(self.weights), generator=generator)
        choice: nn.Module = self.choices[position]
        known = {} if prepared is None or prepared[position] is None else {"prepared": prepared[position]}
        return choice(graph, generator=generator, **known)
