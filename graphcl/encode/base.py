"""What an encoder receives (a view) and returns (an encoding)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor
from torch_geometric.data import Data, HeteroData

from graphcl.graph.operators import Operator, build_operator

Graph = Data | HeteroData


@dataclass
class Encoding:
    """The latents of one view under one tower.

    Attributes:
        nodes: [N, d], the readout of every node; node types follow each other (see ``slices``).
        layers: what each layer gave, ``layers[0]`` being the input embedding; each [N, d_l].
        graphs: [G, d] pooled per graph of a batch, or None for a tower that does not pool.
        slices: node type -> (start, stop) in the rows of ``nodes``; empty for a homogeneous graph.
    """

    nodes: Tensor
    layers: list[Tensor] = field(default_factory=list)
    graphs: Tensor | None = None
    slices: Mapping[str, tuple[int, int]] = field(default_factory=dict)


@dataclass
class View:
    """One drawn view of a graph: the (augmented) graph, its operators, and what it borrows.

    Attributes:
        graph: after the graph-level augmenters.
        transforms: operator-level augmenters, applied in order to whatever operator a tower asks for.
        hidden: the encoding whose layers this view reads instead of its own (``hidden_of``).
        base: norm -> operator of ``graph`` before the transforms; views of one graph may share it.
    """

    graph: Graph
    transforms: list[Callable[[Operator], Operator]] = field(default_factory=list)
    hidden: Encoding | None = None
    base: dict[str, Operator] = field(default_factory=dict, repr=False)
    _operators: dict[str, Operator] = field(default_factory=dict, repr=False)

    def operator(self, norm: str) -> Operator:
        """The propagation operator of this view under normalisation ``norm``, built once."""
        if norm not in self._operators:
            if norm not in self.base:
                self.base[norm] = build_operator(self.graph, norm)
            operator = self.base[norm]
            for transform in self.transforms:
                operator = transform(operator)
            self._operators[norm] = operator
        return self._operators[norm]


class Tower(Protocol):
    """A named encoder. Final classes are ``nn.Module``; options are positional, the rest is keyword-only:
    ``graph`` (the training graph, for sizes) and ``generator`` (for the initial weights)."""

    def __call__(self, view: View) -> Encoding: ...


def node_slices(graph: Graph) -> dict[str, tuple[int, int]]:
    """Node type -> (start, stop) when the types of a heterogeneous graph follow each other."""
    if not isinstance(graph, HeteroData):
        return {}
    slices, start = {}, 0
    for node_type in graph.node_types:
        stop = start + int(graph[node_type].num_nodes)
        slices[node_type] = (start, stop)
        start = stop
    return slices


def uniform_(tensor: Tensor, bound: float, generator: torch.Generator) -> Tensor:
    """Fill in place with U(-bound, bound) from an explicit generator."""
    with torch.no_grad():
        return tensor.copy_(torch.rand(tensor.shape, generator=generator).mul_(2 * bound).sub_(bound))
