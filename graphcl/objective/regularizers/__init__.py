"""Regularizers: terms that look at parameters, a tower or the graph."""

from __future__ import annotations

from graphcl.objective.regularizers.group_lasso import GroupLasso
from graphcl.objective.regularizers.l2 import L2, squared_norm

__all__ = ["L2", "GroupLasso", "squared_norm"]
