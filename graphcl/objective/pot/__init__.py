"""Bounds of node compactness under all deletions of edges within a budget."""

from __future__ import annotations

from graphcl.objective.pot.budgets import Budget, edge_budgets
from graphcl.objective.pot.compactness import Bound, compactness_weights, lower_bound
from graphcl.objective.pot.encoder import check_layers, layers_of
from graphcl.objective.pot.entries import entry_bound
from graphcl.objective.pot.graph import Deletable
from graphcl.objective.pot.rows import row_bound

__all__ = [
    "Bound",
    "Budget",
    "Deletable",
    "check_layers",
    "compactness_weights",
    "edge_budgets",
    "entry_bound",
    "layers_of",
    "lower_bound",
    "row_bound",
]
