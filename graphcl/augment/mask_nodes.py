"""Hiding the features of nodes, to be reconstructed."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from graphcl.augment.features import check_features
from graphcl.augment.plain import plain
from graphcl.augment.rebuild import map_tensors, uniform
from graphcl.core.options import Probability
from graphcl.core.registry import register
from graphcl.encode.base import BLANK, MASKED, Graph


@plain
def mask_nodes(graph: Graph, p: Probability, *, replace: Probability = 0.0, generator: torch.Generator) -> Graph:
    """Hide the features of each node with probability ``p`` (GraphMAE, Hou et al., KDD 2022, section 3.1).

    The row of a hidden node becomes 0, or, with probability ``replace``, that of a node drawn at random (in a batch:
    of any of its graphs). The nodes and all edges stay.

    Args:
        graph: with features of all or some node types; those without are left alone.
        p: probability that a node is hidden.
        replace: share of the hidden nodes that show another node's row.
        generator: source of the draws.

    Returns:
        The graph with, beside ``x``, ``masked`` [N] bool (the hidden nodes) and ``blank`` [N] bool (those whose row is
        0, where a tower may put its token). Nodes that were hidden before stay so.

    Raises:
        UserError: no ``x``, or one that is not made of dense floats.
    """
    check_features(graph)
    drawn: dict[int, tuple[Tensor, Tensor]] = {}

    def change(store: Any, name: str, value: Tensor) -> Tensor:
        if name != "x":
            return value.clone()
        count = value.shape[0]
        masked = uniform(count, value, generator) < p
        other = uniform(count, value, generator) < replace
        drawn[id(store)] = masked, masked & ~other
        # The product can round up to the count itself.
        partner = (uniform(count, value, generator) * count).long().clamp_max(max(count - 1, 0))
        shown = torch.where((masked & other)[:, None], value.index_select(0, partner), value)
        return shown.masked_fill((masked & ~other)[:, None], 0.0)

    result = map_tensors(graph, change)
    for before, after in zip(graph.stores, result.stores, strict=True):
        if id(before) in drawn:
            for name, mask in zip((MASKED, BLANK), drawn[id(before)], strict=True):
                after[name] = mask | before[name] if name in before else mask
    return result


@register(
    "augmenter", "mask_nodes", example={"p": 0.5}, level="graph", stochastic=True, edges="same", row_sets=("masked",)
)
class MaskNodes(nn.Module):
    """Hides the features of nodes; see :func:`mask_nodes`. Addresses of the view then know the rows ``masked``."""

    def __init__(self, p: Probability = 0.5, replace: Probability = 0.0, alike: bool = False) -> None:
        """
        Args:
            p: Probability that a node's features are hidden.
            replace: Share of the hidden nodes that show the features of another node; the others show none.
            alike: Whether the nodes that are hidden are the same ones in all views of a step, so that views cannot be
                told apart by them.
        """
        super().__init__()
        self.p, self.replace, self.shares_draws = p, replace, alike

    def forward(
        self, graph: Graph, *, generator: torch.Generator, shared: torch.Generator | None = None
    ) -> Graph:
        """The graph with hidden features; ``shared`` draws alike for all views."""
        return mask_nodes(graph, self.p, replace=self.replace, generator=generator if shared is None else shared)
