"""Node embeddings that need no training. A method that does not beat them has learned nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphcl.core.options import Count
from graphcl.core.registry import register
from graphcl.graph.operators import build_operator
from graphcl.tasks.baselines.embedded import Settings


@register("baseline", "majority_class", example={}, tasks=("node",))
class MajorityClass:
    """The most frequent class for every node."""

    probe: ClassVar[str] = "majority"

    def embeddings(self, graph: Data, *, seed: int) -> Iterator[tuple[Settings, Tensor]]:
        """No information at all, [N, 1]."""
        yield {}, torch.zeros(int(graph.num_nodes or 0), 1)


@register("baseline", "raw_features", example={}, tasks=("node",))
class RawFeatures:
    """The probe on the node features, without the graph."""

    probe: ClassVar[str] = ""

    def embeddings(self, graph: Data, *, seed: int) -> Iterator[tuple[Settings, Tensor]]:
        """The features, [N, F]."""
        yield {}, graph.x


@register("baseline", "propagated_features", example={"max_steps": 1}, tasks=("node",))
class PropagatedFeatures:
    """Features after k steps of GCN propagation, without weights: SGC (Wu et al., ICML 2019); k is chosen."""

    probe: ClassVar[str] = ""

    def __init__(self, max_steps: Count = 3) -> None:
        """
        Args:
            max_steps: Largest number of propagation steps that is tried.
        """
        self.max_steps = max_steps

    def embeddings(self, graph: Data, *, seed: int) -> Iterator[tuple[Settings, Tensor]]:
        """After 1, 2, ... steps, [N, F]."""
        operator, x = build_operator(graph, "gcn"), graph.x
        for steps in range(1, self.max_steps + 1):
            x = operator.propagate(x)
            yield {"steps": steps}, x
