"""An operator that knows which of its edges are of which kind."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch_geometric.data import Data
from typing_extensions import override

from graphcl.core.errors import UserError
from graphcl.graph.edge_kinds import kind_of_edges, kinds_of_edges
from graphcl.graph.operators.base import Operator
from graphcl.graph.operators.build import adjacency, scaled, scales, square_adjacency
from graphcl.graph.operators.sparse import SparseOperator


@dataclass(frozen=True, eq=False)
class OperatorByKind(Operator):
    """``A @ x`` for ``A = A_0 + ... + A_(K-1)``, whose parts are the edges of each kind.

    Attributes:
        whole: A.
        parts: The A_k, normalised as A is: by the degrees over all kinds.
    """

    whole: Operator
    parts: tuple[SparseOperator, ...]

    @property
    @override
    def shape(self) -> tuple[int, int]:
        return self.whole.shape

    @property
    @override
    def nnz(self) -> int:
        return self.whole.nnz

    @property
    @override
    def device(self) -> torch.device:
        return self.whole.device

    @property
    @override
    def T(self) -> OperatorByKind:
        return OperatorByKind(self.whole.T, tuple(part.T for part in self.parts))

    @override
    def to(self, device: str | torch.device | None = None, dtype: torch.dtype | None = None) -> OperatorByKind:
        return OperatorByKind(self.whole.to(device, dtype), tuple(part.to(device, dtype) for part in self.parts))

    @override
    def propagate(self, x: Tensor, rows: Tensor | None = None) -> Tensor:
        return self.whole.propagate(x, rows)

    @cached_property
    def counts(self) -> Tensor:
        """[N, K], how many edges of each kind lead to a node, as A weighs them."""
        ones = torch.ones(self.shape[1], 1, device=self.device)
        return torch.cat([part.propagate(ones) for part in self.parts], dim=1)

    def propagate_mapped(self, x: Tensor, maps: Tensor) -> Tensor:
        """``sum_k A_k x W_k``, one kind after the other: no more than two [N, d'] beside the result.

        Args:
            x: [N, d].
            maps: [K, d, d'], the W_k.

        Returns:
            [N, d'].
        """
        total = x.new_zeros(self.shape[0], maps.shape[2])
        for part, weight in zip(self.parts, maps.unbind(), strict=True):
            if part.nnz:
                total = total + part.propagate(x @ weight)
        return total


def parts_by_kind(graph: Data, norm: str) -> tuple[SparseOperator, ...]:
    """The edges of each kind as an operator; together they are :func:`build_operator`'s of the same ``norm``.

    Args:
        graph: with ``edge_kind`` and ``edge_kinds`` (:mod:`graphcl.graph.edge_kinds`).
        norm: ``sym``, ``row`` or ``none``.

    Raises:
        UserError: the graph has no kinds of edges, or ``norm`` is ``gcn``, whose self loops are of no kind.
    """
    if norm == "gcn":
        raise UserError("norm 'gcn' adds self loops, which are edges of no kind; choose sym, row or none")
    kind = kind_of_edges(graph)
    matrix, device = square_adjacency(graph)
    by_row, by_column = scales(matrix, norm)
    weight, found = graph.get("edge_weight"), []
    for number in range(len(kinds_of_edges(graph))):
        chosen = (kind == number).nonzero().view(-1)
        edges = graph.edge_index.index_select(1, chosen)
        own = None if weight is None else weight.index_select(0, chosen)
        part = scaled(adjacency(edges, own, matrix.shape, "edge_index"), by_row, by_column)
        found.append(SparseOperator.from_scipy(part, device))
    return tuple(found)
