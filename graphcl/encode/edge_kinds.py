"""What messages are made of where edges are of kinds."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from graphcl.encode.base import Graph
from graphcl.encode.weights import initial
from graphcl.graph.edge_kinds import kinds_of_edges
from graphcl.graph.operators import OperatorByKind

#: How a tower reads the kinds of edges.
EdgeKindUse = Literal["none", "embed", "relational"]


class KindVectors(nn.Module):
    """``sum_j a_ij (x_j + t_kind(ij))``: a learnt row for each kind (Hu et al., ICLR 2020, their eq. for GIN).

    There is no ReLU in the message, so the rows add up to the counts of kinds around a node times the table: [N, K]
    numbers, nothing as high as there are edges.

    Args:
        kinds: K.
        width: Of x.
        generator: Source of the initial rows.
    """

    def __init__(self, kinds: int, width: int, *, generator: torch.Generator) -> None:
        super().__init__()
        self.table = nn.Parameter(initial((kinds, width), "xavier_uniform", generator))

    def forward(self, x: Tensor, operator: OperatorByKind) -> Tensor:
        """[N, width] -> [N, width]."""
        return operator.propagate(x) + operator.counts.to(x.dtype) @ self.table


class KindMaps(nn.Module):
    """``sum_k A_k x W_k``: each kind has its own map of the neighbour (R-GCN, Schlichtkrull et al., ESWC 2018, eq. 2).

    Gated graph networks read programs so (Allamanis et al., ICLR 2018). K * width^2 weights, and one product with the
    edges of each kind after the other: beside the result two [N, width] at a time, nothing as high as there are edges.
    With every W_k the identity it is ``A x``.

    Args:
        kinds: K.
        width: Of x.
        generator: Source of the initial maps.
    """

    def __init__(self, kinds: int, width: int, *, generator: torch.Generator) -> None:
        super().__init__()
        maps = [initial((width, width), "xavier_uniform", generator) for _ in range(kinds)]
        self.maps = nn.Parameter(torch.stack(maps))

    def forward(self, x: Tensor, operator: OperatorByKind) -> Tensor:
        """[N, width] -> [N, width]."""
        return operator.propagate_mapped(x, self.maps)


def make_messages(
    use: EdgeKindUse, graph: Graph, width: int, *, generator: torch.Generator
) -> KindVectors | KindMaps | None:
    """What makes the messages of one layer; None where kinds are not read.

    Args:
        use: How they are read.
        graph: A training graph, for how many kinds there are.
        width: Of the layer's input.
        generator: Source of the initial weights.

    Raises:
        UserError: the edges of the data are of no kinds.
    """
    if use == "none":
        return None
    made = KindVectors if use == "embed" else KindMaps
    return made(len(kinds_of_edges(graph)), width, generator=generator)
