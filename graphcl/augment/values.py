"""Augmenters of values that nodes carry, as the samples of a series do: noise, and another scale."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from graphcl.augment.features import change_features
from graphcl.augment.plain import plain
from graphcl.augment.rebuild import uniform
from graphcl.core.options import NonNegative, Probability
from graphcl.core.registry import register
from graphcl.encode.base import Graph


@plain
def jitter_values(graph: Graph, sigma: NonNegative, *, chance: Probability = 1.0, generator: torch.Generator) -> Graph:
    """Add a draw of N(0, ``sigma`` squared) to each entry of ``x`` (Um et al., ICMI 2017).

    Args:
        graph: any with ``x``.
        sigma: standard deviation, in the unit of ``x``.
        chance: probability that a graph of a batch is changed at all (TERA's alteration of magnitudes has 0.15).
        generator: source of the draws.

    Raises:
        UserError: no ``x``, or one that is not made of dense floats.
    """

    def noisy(store: Any, x: Tensor) -> Tensor:
        noise = sigma * normal(tuple(x.shape), x, generator)
        if chance == 1.0:
            return x + noise
        member, graphs = _members(store, x)
        changed = uniform(graphs, x, generator) < chance
        return x + noise * changed.index_select(0, member)[:, None]

    return change_features(graph, noisy)


@plain
def scale_values(graph: Graph, sigma: NonNegative, *, generator: torch.Generator) -> Graph:
    """Multiply each column of ``x`` by a draw of N(1, ``sigma`` squared), another one in each graph of a batch.

    Args:
        graph: any with ``x``.
        sigma: standard deviation of the factors.
        generator: source of the draws.

    Raises:
        UserError: no ``x``, or one that is not made of dense floats.
    """

    def scaled(store: Any, x: Tensor) -> Tensor:
        member, graphs = _members(store, x)
        factor = 1.0 + sigma * normal((graphs, x.shape[1]), x, generator)
        return x * factor.index_select(0, member)

    return change_features(graph, scaled)


def _members(store: Any, x: Tensor) -> tuple[Tensor, int]:
    """The graph of each node of a batch, and how many graphs there are."""
    member = store["batch"] if "batch" in store else torch.zeros(len(x), dtype=torch.int64, device=x.device)
    return member, int(member.max()) + 1 if len(x) else 0


def normal(shape: tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    """A draw of N(0, 1) where ``like`` is."""
    return torch.randn(shape, generator=generator, device=generator.device).to(like)


@register("augmenter", "jitter_values", example={"sigma": 0.5}, level="graph", stochastic=True, edges="same")
class JitterValues(nn.Module):
    """Adds noise to the features; see :func:`jitter_values`."""

    def __init__(self, sigma: NonNegative = 0.1, chance: Probability = 1.0) -> None:
        """
        Args:
            sigma: Standard deviation of the noise, in the unit of the features.
            chance: Probability that a graph gets any.
        """
        super().__init__()
        self.sigma, self.chance = sigma, chance

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The graph with noise."""
        return jitter_values(graph, self.sigma, chance=self.chance, generator=generator)


@register("augmenter", "scale_values", example={"sigma": 0.5}, level="graph", stochastic=True, edges="same")
class ScaleValues(nn.Module):
    """Scales the features of each graph; see :func:`scale_values`."""

    def __init__(self, sigma: NonNegative = 0.1) -> None:
        """
        Args:
            sigma: Standard deviation of the factors around 1.
        """
        super().__init__()
        self.sigma = sigma

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The graph in other scales."""
        return scale_values(graph, self.sigma, generator=generator)
