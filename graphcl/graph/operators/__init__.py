"""What one propagation step multiplies by. Encoders see only :class:`Operator`."""

from __future__ import annotations

from graphcl.graph.operators.base import Operator
from graphcl.graph.operators.bipartite import BipartiteOperator
from graphcl.graph.operators.build import build_operator
from graphcl.graph.operators.by_kind import OperatorByKind, parts_by_kind
from graphcl.graph.operators.compose import ComposedOperator
from graphcl.graph.operators.csr import multiplying_by
from graphcl.graph.operators.low_rank import LowRankOperator, random_factors, randomized_svd
from graphcl.graph.operators.sparse import SparseOperator
from graphcl.graph.operators.stochastic import DropoutOperator, NoisyOperator, drop_entries

__all__ = [
    "BipartiteOperator",
    "ComposedOperator",
    "DropoutOperator",
    "LowRankOperator",
    "NoisyOperator",
    "Operator",
    "OperatorByKind",
    "SparseOperator",
    "build_operator",
    "drop_entries",
    "multiplying_by",
    "parts_by_kind",
    "random_factors",
    "randomized_svd",
]
