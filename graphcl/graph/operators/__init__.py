"""What one propagation step multiplies by. Encoders see only :class:`Operator`."""

from __future__ import annotations

from graphcl.graph.operators.base import Operator
from graphcl.graph.operators.build import build_operator, normalise
from graphcl.graph.operators.matrix import SparseMatrix
from graphcl.graph.operators.sparse import BipartiteOperator, SparseOperator

__all__ = [
    "BipartiteOperator",
    "Operator",
    "SparseMatrix",
    "SparseOperator",
    "build_operator",
    "normalise",
]
