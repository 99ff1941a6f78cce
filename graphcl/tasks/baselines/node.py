"""Node embeddings that need no training. A method that does not beat them has learned nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Protocol

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphcl.core.options import Count
from graphcl.core.registry import register
from graphcl.core.seeds import generator
from graphcl.graph.operators import Operator, build_operator

Settings = Mapping[str, int]


class NodeBaseline(Protocol):
    """Constructor: options. Sees the training graph only.

    Class attributes:
        probe: The probe that judges it; empty for the task's own.
    """

    probe: ClassVar[str]

    def embeddings(self, graph: Data, *, seed: int) -> Iterator[tuple[Settings, Tensor]]:
        """Each setting with its embeddings [N, d]; the task takes the one that does best on validation."""
        ...


@register("baseline", "majority_class", example={}, task="node")
class MajorityClass:
    """The most frequent class for every node."""

    probe: ClassVar[str] = "majority"

    def embeddings(self, graph: Data, *, seed: int) -> Iterator[tuple[Settings, Tensor]]:
        """No information at all, [N, 1]."""
        yield {}, torch.zeros(int(graph.num_nodes or 0), 1)


@register("baseline", "raw_features", example={}, task="node")
class RawFeatures:
    """The probe on the node features, without the graph."""

    probe: ClassVar[str] = ""

    def embeddings(self, graph: Data, *, seed: int) -> Iterator[tuple[Settings, Tensor]]:
        """The features, [N, F]."""
        yield {}, graph.x


@register("baseline", "propagated_features", example={"max_steps": 1}, task="node")
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


@register("baseline", "random_encoder", example={"dims": [8]}, task="node")
class RandomEncoder:
    """A two-layer GCN with its initial weights (Glorot), ReLU between the layers; its width is chosen.

    On large graphs within 2 to 3 points of most trained methods, so always worth knowing.
    """

    probe: ClassVar[str] = ""

    def __init__(self, dims: Sequence[Count] = (128, 256, 512)) -> None:
        """
        Args:
            dims: Widths that are tried.
        """
        self.dims = dims

    def embeddings(self, graph: Data, *, seed: int) -> Iterator[tuple[Settings, Tensor]]:
        """For each width d, [N, d]."""
        operator = build_operator(graph, "gcn")
        for dim in self.dims:
            yield {"dim": dim}, random_gcn(graph.x, operator, dim, generator(seed, "random_encoder", dim))


def random_gcn(x: Tensor, operator: Operator, dim: int, generator: torch.Generator) -> Tensor:
    """``A relu(A x W1) W2`` with A the operator and W Glorot-uniform: [N, F] -> [N, dim]."""
    hidden = operator.propagate(x @ _glorot(x.shape[1], dim, generator)).relu()
    return operator.propagate(hidden @ _glorot(dim, dim, generator))


def _glorot(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    bound = (6.0 / (rows + columns)) ** 0.5
    return torch.empty(rows, columns).uniform_(-bound, bound, generator=generator)
