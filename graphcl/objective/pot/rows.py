"""Bounds of one propagation over all ways to delete edges: the row bound. (``entries.py``: the looser entry bound.)

Setting: an undirected simple graph with degrees ``deg``; a deletion removes ``r_i <= q_i`` edges at node i. After it
the matrix is normalised anew, ``A'_ij = 1 / sqrt(d'_i d'_j)`` on kept edges with ``d'_i = deg_i - r_i + loops``, and
``1 / d'_i`` on the diagonal where there are self loops (``loops`` = 1, GCN). Without them (``loops`` = 0, LightGCN)
the row of a node that lost all its edges is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

import torch
from torch import Tensor

from graphcl.objective.pot.graph import Adjacency, Block, Deletable
from graphcl.objective.pot.least import least_of_columns, least_of_rows


@dataclass(frozen=True, eq=False)
class Degrees:
    """What deletions may do to the nodes of a patch.

    Attributes:
        degree: [M] edges of each node.
        budget: [M] how many of them may go, at most ``degree``.
        loops: 1 with self loops, else 0.
    """

    degree: Tensor
    budget: Tensor
    loops: int

    @cached_property
    def fewest(self) -> Tensor:
        """[M], the edges that a node keeps at least."""
        return self.degree - self.budget

    @cached_property
    def most_scale(self) -> Tensor:
        """[M] float64, ``1 / sqrt(d')`` at its largest for a node one of whose edges is known to be kept."""
        spare = torch.minimum(self.budget, self.degree - 1)  # of the other edges
        return (self.degree - spare + self.loops).clamp_min(1).double().rsqrt()

    @cached_property
    def least_scale(self) -> Tensor:
        """[M] float64, ``1 / sqrt(d')`` at its smallest: nothing is deleted."""
        return (self.degree + self.loops).clamp_min(1).double().rsqrt()

    def damped(self, values: Tensor, least: Tensor, most: Tensor) -> Tensor:
        """``values / sqrt(d')`` at its lowest over the budget, elementwise."""
        return values * torch.where(values >= 0, least.to(values.dtype), most.to(values.dtype))


class RowRule(Protocol):
    """Lower bounds of ``sum_k A'_ik y_k`` over all deletions, for arrays of two shapes."""

    def columns(self, y: Tensor, adjacency: Adjacency) -> Tensor:
        """Of every column of y [m, C]: [n, C]."""
        ...

    def block(self, y: Tensor, own: Tensor, block: Block, adjacency: Adjacency) -> Tensor:
        """Of values of its own for each row: y [B, ..., w] at the neighbours, own [B, ...] at the node: [B, ...]."""
        ...


def beside(per_row: Tensor, like: Tensor) -> Tensor:
    """[B] or [B, w] with axes put in the middle (or at the end) until it broadcasts against ``like`` [B, ..., w]."""
    missing = like.dim() - per_row.dim()
    return per_row.reshape(per_row.shape[0], *[1] * missing, *per_row.shape[1:])


@dataclass(frozen=True, eq=False)
class ByRow:
    """The row bound (R): ``r`` edges are deleted at i, which fixes ``d'_i``; then those go that leave least.

    With ``t_k = y_k / sqrt(deg_k + loops)`` for ``y_k >= 0`` and ``y_k / sqrt(d_k - min(q_k, deg_k - 1))`` below 0,
    the bound is the minimum over the number m of kept edges, ``deg_i - q_i <= m <= deg_i``, of
    ``loops y_i / (m + loops) + (sum of the m smallest t_k) / sqrt(m + loops)``. Cost: O(deg log deg) a row.
    """

    degrees: Degrees

    def columns(self, y: Tensor, adjacency: Adjacency) -> Tensor:
        """See :class:`RowRule`. Nothing of the size of edges x columns is kept for the gradient."""
        d = self.degrees
        count = y.shape[0]
        t = d.damped(y, d.least_scale[:count, None], d.most_scale[:count, None])
        own = y[: adjacency.count].t().contiguous()
        return least_of_columns(t.t().contiguous(), own, d.fewest, d.loops, adjacency).t()

    def block(self, y: Tensor, own: Tensor, block: Block, adjacency: Adjacency) -> Tensor:
        """See :class:`RowRule`."""
        d, columns = self.degrees, adjacency.columns_of(block)
        padding = columns == adjacency.width
        inside = columns.masked_fill(padding, 0)
        least, most = (beside(scale[inside], y) for scale in (d.least_scale, d.most_scale))
        t = d.damped(y, least, most).masked_fill(beside(padding, y), torch.inf)
        return least_of_rows(t, own, beside(d.fewest[block.rows], own), d.loops)


def bound_columns(y: Tensor, graph: Deletable, rule: RowRule, side: Literal["lower", "upper"]) -> Tensor:
    """Bounds [N, C] of ``A' y`` by a rule; the upper bound is minus the lower one of ``-y``."""
    adjacency = graph.whole(1).adjacency(graph.num_nodes)
    return rule.columns(y, adjacency) if side == "lower" else -rule.columns(-y, adjacency)


def row_bound(
    y: Tensor, graph: Deletable, budget: Tensor, *, loops: bool = True, side: Literal["lower", "upper"] = "lower"
) -> Tensor:
    """A bound of every row of ``A' y`` over all deletions within the budget, for fixed y; see :class:`ByRow`.

    Args:
        y: [N, C]; columns are bounded independently.
        graph: The graph before any deletion.
        budget: [N] int64, how many edges each node may lose.
        loops: Whether the matrix has self loops.
        side: Which bound.

    Returns:
        [N, C].
    """
    return bound_columns(y, graph, ByRow(Degrees(graph.degree, budget, int(loops))), side)
