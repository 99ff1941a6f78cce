"""What an encoder receives (a view) and returns (an encoding)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import torch
from torch import Tensor
from torch_geometric.data import Data, HeteroData

from graphcl.core.errors import UserError
from graphcl.graph.operators import Operator, OperatorByKind, build_operator, parts_by_kind

Graph: TypeAlias = Data | HeteroData

#: Mask [N] of the nodes that an augmenter left in a graph; the others keep their number, but are as good as gone.
KEPT = "kept_nodes"
#: Node masks of a graph: nodes whose features are hidden, and those of them whose row is 0.
MASKED, BLANK = "masked", "blank"
#: Of a chain of events: what comes after each node, [N, 2] of both rewards (:mod:`graphcl.data.returns`).
RETURNS = "rtg"


@dataclass
class Encoding:
    """The latents of one view under one tower.

    Attributes:
        nodes: [N, d], the readout of every node; node types follow each other (see ``slices``).
        layers: what each layer gave, ``layers[0]`` being the input embedding; each [N, d_l].
        graphs: [G, d] pooled per graph of a batch, or None for a tower that does not pool.
        shares: [G, d] of each graph, what is embedded without ever being trained on; only in evaluation mode.
        slices: node type -> (start, stop) in the rows of all nodes; empty for a homogeneous graph.
        messages: what each layer gave before its residual was added; empty where that is ``layers``.
        rows: [M] sorted; when given, ``nodes`` and the last layer hold only these rows of all nodes (and so
            does every layer but the first in a view with ``hidden``). A tensor of another height is whole.
    """

    nodes: Tensor
    layers: list[Tensor] = field(default_factory=list)
    graphs: Tensor | None = None
    shares: Tensor | None = field(default=None, kw_only=True)
    slices: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    messages: list[Tensor] = field(default_factory=list)
    rows: Tensor | None = None

    def position(self, latent: Tensor, nodes: Tensor) -> Tensor:
        """Where rows ``nodes`` [B] of all nodes lie in ``latent``, a tensor of this encoding."""
        if self.rows is None or latent.shape[0] != self.rows.shape[0]:
            return nodes
        return torch.searchsorted(self.rows, nodes)


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

    def operator_by_kind(self, norm: str) -> OperatorByKind:
        """The same operator with its parts by the kind of edge, built once; the graph has ``edge_kind``.

        Raises:
            UserError: the graph is not homogeneous or its edges have no kinds, or the view changes its operators,
                which knows of none.
        """
        if self.transforms:
            raise UserError("augmenters of operators know no kinds of edges: take augmenters of graphs, or set "
                            "edge_kinds=none in the tower")  # fmt: skip
        key = f"{norm}, by kind"
        if key not in self.base:
            assert isinstance(self.graph, Data)
            self.base[key] = OperatorByKind(self.operator(norm), parts_by_kind(self.graph, norm))
        found = self.base[key]
        assert isinstance(found, OperatorByKind)
        return found


class Tower(Protocol):
    """A named encoder. Final classes are ``nn.Module``; options are positional, the rest is keyword-only:
    ``graph`` (the training graph, for sizes) and ``generator`` (for the initial weights).

    Attributes:
        out_dim: d of ``Encoding.nodes`` (and of ``graphs``, for a tower that pools).
        graphs_dim: optional, d of ``graphs`` where that is another.
        hops: optional, of a tower that also encodes a graph in blocks (``in_blocks``): how far it sees.
    """

    out_dim: int

    def __call__(self, view: View, rows: Tensor | None = None) -> Encoding:
        """Encode a view.

        Args:
            view: what to encode.
            rows: [M] sorted, unique: the rows of all nodes that anyone reads; None for all.
        """
        ...


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


def kept_nodes(graph: Graph) -> Tensor | None:
    """[K] positions of the nodes that are left of a homogeneous graph; None where no augmenter took any out."""
    mask = graph.get(KEPT) if isinstance(graph, Data) else None
    return None if mask is None else mask.nonzero().view(-1)
