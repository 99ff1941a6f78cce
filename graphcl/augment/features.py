"""Augmenters of node features ``x``: graph -> graph with the same structure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from graphcl.augment.rebuild import map_tensors, uniform
from graphcl.core.errors import UserError
from graphcl.core.options import DropProbability, Probability
from graphcl.core.registry import register
from graphcl.encode.base import Graph


def mask_features(graph: Graph, p: float, *, generator: torch.Generator) -> Graph:
    """Set each column of ``x`` to 0 with probability ``p``, the same columns for all nodes (GRACE's MF).

    Args:
        graph: homogeneous, or heterogeneous with features of some types (each has columns of its own).
        p: probability that a column is masked.
        generator: source of the draws.

    Raises:
        UserError: no ``x``, or one that is not made of dense floats.
    """
    return _change_x(graph, lambda _, x: x.masked_fill(uniform(x.shape[1], x, generator) < p, 0.0))


def drop_features(graph: Graph, p: float, *, generator: torch.Generator) -> Graph:
    """Set each entry of ``x`` to 0 with probability ``p`` and divide the others by ``1 - p``: dropout of the input.

    Raises:
        UserError: see :func:`mask_features`.
    """
    return _change_x(graph, lambda _, x: x.masked_fill(uniform(tuple(x.shape), x, generator) < p, 0.0) / (1.0 - p))


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

    return _change_x(graph, shuffled)


def _change_x(graph: Graph, change: Callable[[Any, Tensor], Tensor]) -> Graph:
    found = [store["x"] for store in graph.node_stores if "x" in store]
    if not found:
        raise UserError("the graph has no node features 'x' to change")
    if any(not isinstance(x, Tensor) or x.layout != torch.strided or not x.is_floating_point() for x in found):
        raise UserError("node features 'x' must be a dense tensor of floats; convert categories or sparse rows first")
    return map_tensors(graph, lambda store, name, value: change(store, value) if name == "x" else value.clone())


@register("augmenter", "mask_features", example={"p": 0.5}, level="graph", stochastic=True, edges="same")
class MaskFeatures(nn.Module):
    """Masks columns of the features; see :func:`mask_features`."""

    def __init__(self, p: Probability = 0.2) -> None:
        """
        Args:
            p: Probability that a column is set to 0, for all nodes.
        """
        super().__init__()
        self.p = p

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The graph with masked features."""
        return mask_features(graph, self.p, generator=generator)


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
