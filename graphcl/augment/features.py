"""Augmenters of node features ``x``: graph -> graph with the same structure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from graphcl.augment.centrality import Central, Centrality, centralities, mask_probabilities
from graphcl.augment.plain import plain
from graphcl.augment.rebuild import map_tensors, uniform
from graphcl.core.errors import UserError
from graphcl.core.options import DropProbability, Probability
from graphcl.core.registry import register
from graphcl.encode.base import Graph


@plain
def mask_features(
    graph: Graph,
    p: Probability,
    *,
    central: Central | None = None,
    max_p: Probability = 0.7,
    generator: torch.Generator,
) -> Graph:
    """Set each column of ``x`` to 0 with probability ``p``, the same columns for all nodes (GRACE's MF).

    With ``central``, columns that central nodes use are masked less often than others and ``p`` is the mean (GCA,
    Zhu et al., WWW 2021).

    Args:
        graph: homogeneous, or heterogeneous with features of some types (each has columns of its own).
        p: probability that a column is masked.
        central: how central nodes are, of :func:`graphcl.augment.centrality.centralities`; None: all columns alike.
        max_p: with ``central``, the largest probability of a column; where it binds, the mean is below ``p``.
        generator: source of the draws.

    Raises:
        UserError: no ``x``, or one that is not made of dense floats.
    """

    def masked(store: Any, x: Tensor) -> Tensor:
        chance = p if central is None else mask_probabilities(graph, store, x, p, central, max_p)
        return x.masked_fill(uniform(x.shape[1], x, generator) < chance, 0.0)

    return change_features(graph, masked)


@plain
def drop_features(graph: Graph, p: DropProbability, *, generator: torch.Generator) -> Graph:
    """Set each entry of ``x`` to 0 with probability ``p`` and divide the others by ``1 - p``: dropout of the input.

    Raises:
        UserError: see :func:`mask_features`.
    """
    return change_features(
        graph, lambda _, x: x.masked_fill(uniform(tuple(x.shape), x, generator) < p, 0.0) / (1.0 - p)
    )


def zero_features(graph: Graph, kept: Mapping[str, Tensor]) -> Graph:
    """Set the features of nodes that are not kept to 0.

    Args:
        graph: homogeneous, or heterogeneous with features of some types.
        kept: node type ("" in a homogeneous graph) -> [N] bool.

    Raises:
        UserError: see :func:`mask_features`.
    """

    def zeroed(store: Any, x: Tensor) -> Tensor:
        return x.masked_fill(~kept[store._key or ""].unsqueeze(1), 0.0)

    return change_features(graph, zeroed)


@plain
def shuffle_features(graph: Graph, *, generator: torch.Generator) -> Graph:
    """Give each node the features of another, drawn as a permutation: DGI's corruption (Velickovic et al., ICLR 2019).

    In a batch of graphs nodes are permuted within their graph.

    Raises:
        UserError: see :func:`mask_features`.
    """

    def shuffled(store: Any, x: Tensor) -> Tensor:
        order = uniform(x.shape[0], x, generator).argsort(stable=True)
        if "batch" in store:
            # Sorting by graph last keeps the random order within each graph.
            order = order.index_select(0, store["batch"].index_select(0, order).argsort(stable=True))
        return x.index_select(0, order)

    return change_features(graph, shuffled)


def check_features(graph: Graph) -> None:
    """See that there is an ``x`` that can be computed with.

    Raises:
        UserError: no ``x``, or one that is not made of dense floats.
    """
    found = [store["x"] for store in graph.node_stores if "x" in store]
    if not found:
        raise UserError("the graph has no node features 'x' to work on")
    if any(not isinstance(x, Tensor) or x.layout != torch.strided or not x.is_floating_point() for x in found):
        raise UserError("node features 'x' must be a dense tensor of floats; convert categories or sparse rows first")


def change_features(graph: Graph, change: Callable[[Any, Tensor], Tensor]) -> Graph:
    """The graph with ``change(store, x)`` in the place of the features of every node type.

    Raises:
        UserError: see :func:`check_features`.
    """
    check_features(graph)
    return map_tensors(graph, lambda store, name, value: change(store, value) if name == "x" else value.clone())


@register("augmenter", "mask_features", example={"p": 0.5}, level="graph", stochastic=True, edges="same")
class MaskFeatures(nn.Module):
    """Masks columns of the features; see :func:`mask_features`."""

    def __init__(self, p: Probability = 0.2, centrality: Centrality = "none", max_p: Probability = 0.7) -> None:
        """
        Args:
            p: Probability that a column is set to 0, for all nodes.
            centrality: Columns that central nodes use are masked less often, p being the mean; none: all alike.
            max_p: With a centrality, the largest probability of a column; where it binds, fewer than p are masked.
        """
        super().__init__()
        self.p, self.centrality, self.max_p = p, centrality, max_p

    def prepare(self, graph: Graph) -> Central | None:
        """What the draws need of the graph before any augmentation: how central its nodes are."""
        return None if self.centrality == "none" else centralities(graph, self.centrality)

    def forward(self, graph: Graph, *, generator: torch.Generator, prepared: Central | None = None) -> Graph:
        """The graph with masked features; ``prepared`` is that of the graph itself unless given."""
        central = self.prepare(graph) if prepared is None else prepared
        return mask_features(graph, self.p, central=central, max_p=self.max_p, generator=generator)


@register("augmenter", "drop_features", example={"p": 0.5}, level="graph", stochastic=True, edges="same")
class DropFeatures(nn.Module):
    """Dropout of the features; see :func:`drop_features`."""

    def __init__(self, p: DropProbability = 0.2) -> None:
        """
        Args:
            p: Probability that an entry is set to 0.
        """
        super().__init__()
        self.p = p

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The graph with dropped and rescaled features."""
        return drop_features(graph, self.p, generator=generator)


@register("augmenter", "shuffle_features", example={}, level="graph", stochastic=True, edges="same")
class ShuffleFeatures(nn.Module):
    """Permutes the features over the nodes; see :func:`shuffle_features`."""

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The graph with shuffled features."""
        return shuffle_features(graph, generator=generator)
