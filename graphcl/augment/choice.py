"""The augmenter that picks one of several."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import nn

from graphcl.augment.chain_pieces import join_chains, left_as_they_are, number_too_short, take_chains
from graphcl.augment.rebuild import uniform
from graphcl.core.build import build
from graphcl.core.config.tree import part_name
from graphcl.core.errors import UserError, suggestion
from graphcl.core.options import Count, Index, NonNegative
from graphcl.core.registry import register, resolve
from graphcl.encode.base import Graph
from graphcl.encode.chains import read_chains

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


def pick_each(weights: torch.Tensor, place: int = 0, *, generator: torch.Generator) -> torch.Tensor:
    """A position for each row [G] of weights [G, K], drawn with probability proportional to its weight.

    Args:
        weights: 0 for what is not to be picked.
        place: which of the draws of a row, each made without what was drawn before it, from the same generator.
        generator: source of the draws.

    Returns:
        [G] int64, -1 where nothing is left to be picked.
    """
    # The order of exponential draws divided by weights is that of draws without replacement (Efraimidis and
    # Spirakis, 2006).
    times = -torch.log1p(-uniform(tuple(weights.shape), weights, generator).double()) / weights
    times = times.masked_fill(weights <= 0, torch.inf)
    found, order = times.sort(dim=1, stable=True)
    return order[:, place].masked_fill(found[:, place].isinf(), -1)


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
    NeurIPS 2020, where each graph of a batch has a pick of its own; here the batch has one, unless it is of chains).
    """

    #: beside its own draws it takes some that all views of a step share
    shares_draws = True

    def __init__(
        self,
        choices: Choices,
        weights: list[NonNegative] | None = None,
        per: Literal["batch", "chain"] = "batch",
        place: Index | None = None,
        min_length: dict[str, Count] | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        """
        Args:
            choices: Augmenter -> its options.
            weights: How likely each is, in the order of the choices; all alike without.
            per: Whether there is one pick for all graphs of a batch, or, of chains, one for each (CL4SRec).
            place: Views of equal choices whose places differ (0, 1) never pick the same for a chain; null picks freely.
            min_length: Choice -> items of the shortest chain that may pick it (CoSeRec keeps crop and reorder from
                short ones).
            generator: Source of initial weights of augmenters that have some (supplied).

        Raises:
            UserError: a choice is no graph-level augmenter, or the other options do not fit the choices.
        """
        super().__init__()
        weights = [1.0] * len(choices) if weights is None else list(weights)
        if len(weights) != len(choices) or not sum(weights):
            raise UserError(f"one_of: {len(choices)} choices need as many weights, not all 0; got {weights}")
        for label in choices:
            meta = resolve("augmenter", part_name(label)).meta
            if meta["level"] != "graph":
                raise UserError(f"one_of: {label} augments a {meta['level']}; choices are augmenters of graphs")
            if meta.get("needs"):
                raise UserError(f"one_of: {label} reads the texts of one graph; let it stand in the view itself")
        for label in min_length or {}:
            if label not in choices:
                raise UserError(f"one_of: min_length names {label!r}, no choice{suggestion(label, choices)}")
        if per == "batch" and (place is not None or min_length):
            raise UserError("one_of: place and min_length are of picks for each chain; set per: chain")
        if place is not None and place >= sum(weight > 0 for weight in weights):
            raise UserError(f"one_of: place={place} is not below the number of choices that have a weight")
        self.weights, self.per, self.place = weights, per, place
        self.min_length = [(min_length or {}).get(label, 0) for label in choices]
        self.choices = nn.ModuleList(
            build("augmenter", part_name(label), options, generator=generator) for label, options in choices.items()
        )

    @property
    def prepares_task(self) -> bool:
        """Whether a choice prepares from the training graph, whatever it is applied to."""
        return any(getattr(choice, "prepares_task", False) for choice in self.choices)

    def prepare(self, graph: Graph) -> list[Any]:
        """What each choice needs of the graph before any augmentation; None where it needs nothing."""
        return [
            choice.prepare(graph)  # type: ignore[operator]
            if hasattr(choice, "prepare") and getattr(choice, "prepares_task", False) == self.prepares_task
            else None
            for choice in self.choices
        ]

    def forward(
        self,
        graph: Graph,
        *,
        generator: torch.Generator,
        prepared: list[Any] | None = None,
        shared: torch.Generator | None = None,
    ) -> Graph:
        """The graph as one of the choices leaves it.

        Args:
            graph: What to augment.
            generator: Source of the draws.
            prepared: Of :meth:`prepare`; that of the graph itself unless given.
            shared: Source of the picks where there is a ``place``: the same one for all views of a step.

        Raises:
            UserError: there is a place and no ``shared``.
        """
        if self.per == "batch":
            return self._as_chosen(pick(torch.tensor(self.weights), generator=generator), graph, generator, prepared)
        if self.place is not None and shared is None:
            raise UserError("one_of: with a place, picks are drawn from 'shared', a generator that all views get")
        prepared = self.prepare(graph) if prepared is None else prepared
        lengths = read_chains(graph).lengths
        fits = lengths[:, None] >= torch.tensor(self.min_length, device=lengths.device)
        weights = torch.tensor(self.weights, device=lengths.device) * fits
        source = generator if self.place is None or shared is None else shared
        picked = pick_each(weights, self.place or 0, generator=source)
        parts = []
        for position in range(-1, len(self.choices)):
            which = (picked == position).nonzero().view(-1)
            if which.numel():
                parts.append((which, self._as_chosen(position, take_chains(graph, which), generator, prepared)))
        return join_chains(parts, number_too_short(graph))

    def _as_chosen(self, position: int, graph: Graph, generator: torch.Generator, prepared: list[Any] | None) -> Graph:
        """The graph as the choice leaves it; as it is, but counted, where there is none (-1)."""
        if position < 0:
            return left_as_they_are(graph)
        choice: nn.Module = self.choices[position]
        known = {} if prepared is None or prepared[position] is None else {"prepared": prepared[position]}
        return choice(graph, generator=generator, **known)
