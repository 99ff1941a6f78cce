"""Bounds of one propagation over all ways to delete edges: the row bound and, looser, the entry bound.

Setting: an undirected simple graph with degrees ``deg``; a deletion removes ``r_i <= q_i`` edges at node i. After it
the matrix is normalised anew, ``A'_ij = 1 / sqrt(d'_i d'_j)`` on kept edges with ``d'_i = deg_i - r_i + loops``, and
``1 / d'_i`` on the diagonal where there are self loops (``loops`` = 1, GCN). Without them (``loops`` = 0, LightGCN)
the row of a node that lost all its edges is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from graphcl.graph.operators.csr import csr_tensor, multiply
from graphcl.objective.pot.graph import Adjacency, Block, Deletable, Patch, make_patch

#: Temporaries of one step of the work stay near this many bytes.
CHUNK_BYTES = 32 * 2**20


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


def _beside(per_row: Tensor, like: Tensor) -> Tensor:
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
        return _LeastOfColumns.apply(t.t().contiguous(), y[: adjacency.count].t().contiguous(), d, adjacency).t()

    def block(self, y: Tensor, own: Tensor, block: Block, adjacency: Adjacency) -> Tensor:
        """See :class:`RowRule`."""
        d, columns = self.degrees, adjacency.columns_of(block)
        padding = columns == adjacency.width
        inside = columns.masked_fill(padding, 0)
        least, most = (_beside(scale[inside], y) for scale in (d.least_scale, d.most_scale))
        t = d.damped(y, least, most).masked_fill(_beside(padding, y), torch.inf)
        return _Least.apply(t, own, _beside(d.fewest[block.rows], own), d.loops)


@dataclass(frozen=True, eq=False)
class Least:
    """Where the minimum over deletions lies.

    Attributes:
        value: The minimum.
        kept: Number of kept edges.
        cut: Largest kept term, -inf where none is kept; terms below it are kept.
        share: Which part of the terms equal to ``cut`` is kept: 1 unless the minimum splits ties.
    """

    value: Tensor
    kept: Tensor
    cut: Tensor
    share: Tensor


def least_sum(terms: Tensor, own: Tensor, fewest: Tensor, loops: int) -> Least:
    """The minimum over m of ``loops own / (m + loops) + (sum of the m smallest terms) / sqrt(m + loops)``.

    Args:
        terms: [..., w], padded with inf; overwritten.
        own: [...].
        fewest: Smallest m allowed, broadcastable to ``own``; the largest is the number of finite terms.
        loops: 1 or 0.
    """
    width = terms.shape[-1]
    none = own if loops else torch.zeros_like(own)
    none = none.masked_fill(fewest > 0, torch.inf)
    if width == 0:
        return Least(none, torch.zeros_like(own, dtype=torch.int64), none.new_full(own.shape, -torch.inf),
                     torch.ones_like(own))
    ordered = _ascending(terms)
    number = torch.arange(1, width + 1, device=terms.device)
    scale = (number + loops).to(terms.dtype).rsqrt()
    total = ordered.cumsum(-1).mul_(scale)
    if loops:
        total.addcmul_(own.unsqueeze(-1), scale * scale)
    if bool((fewest > 1).any()):
        total.masked_fill_(number < fewest.unsqueeze(-1), torch.inf)
    best, at = total.min(-1)
    cut = ordered.gather(-1, at.unsqueeze(-1)).squeeze(-1)
    empty = none < best
    share = _share_of_ties(ordered, at, cut)
    return Least(
        torch.minimum(best, none), (at + 1).masked_fill(empty, 0), cut.masked_fill(empty, -torch.inf), share
    )


def _ascending(terms: Tensor) -> Tensor:
    """Sorted along the last axis; on CPU in place by numpy, up to 40 times as fast as torch for long rows."""
    if terms.device.type == "cpu" and terms.shape[-1] >= 8 and terms.is_contiguous():
        terms.numpy().sort(axis=-1)
        return terms
    return terms.sort(-1).values


def _share_of_ties(ordered: Tensor, at: Tensor, cut: Tensor) -> Tensor:
    share = torch.ones_like(cut)
    after = (at + 1).clamp_max(ordered.shape[-1] - 1)
    split = (ordered.gather(-1, after.unsqueeze(-1)).squeeze(-1) == cut) & (after > at)
    if bool(split.any()):
        where = split.nonzero(as_tuple=True)
        rows, value = ordered[where], cut[where].unsqueeze(-1)
        below, equal = (rows < value).sum(-1), (rows == value).sum(-1)
        share[where] = (at[where] + 1 - below).to(share.dtype) / equal
    return share


def _kept_scale(kept: Tensor, loops: int, dtype: torch.dtype) -> Tensor:
    """``1 / sqrt(d'_i)`` at the minimum; 0 for a row that is 0."""
    divisor = (kept + loops).to(dtype)
    return torch.where(divisor > 0, divisor.clamp_min(1).rsqrt(), 0.0)


class _Least(Function):
    """:func:`least_sum` with its gradient: that of the deletion at the minimum, ties shared."""

    @staticmethod
    def forward(ctx: Any, terms: Tensor, own: Tensor, fewest: Tensor, loops: int) -> Tensor:
        found = least_sum(terms.clone(memory_format=torch.contiguous_format), own, fewest, loops)
        ctx.loops = loops
        ctx.save_for_backward(terms, found.kept, found.cut, found.share)
        return found.value

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        terms, kept, cut, share = ctx.saved_tensors
        scale = _kept_scale(kept, ctx.loops, grad.dtype)
        cut, flow = cut.unsqueeze(-1), (grad * scale).unsqueeze(-1)
        weight = torch.where(terms == cut, share.unsqueeze(-1), (terms < cut).to(grad.dtype))
        return weight * flow, grad * scale * scale * ctx.loops, None, None


class _LeastOfColumns(Function):
    """:func:`least_sum` of terms that belong to the neighbour alone: t [C, m], own [C, n] -> [C, n].

    The gradient of ``t_k`` is collected at k from the rows it occurs in, so nothing is scattered, and only arrays of
    nodes x columns are kept from the forward pass.
    """

    @staticmethod
    def forward(ctx: Any, t: Tensor, own: Tensor, degrees: Degrees, adjacency: Adjacency) -> Tensor:
        padded = torch.cat([t, t.new_full((t.shape[0], 1), torch.inf)], dim=1)
        value, cut, share = (torch.empty_like(own) for _ in range(3))
        kept = torch.empty(own.shape, dtype=torch.int32, device=own.device)
        for block in _pieces(adjacency.blocks, t):
            terms = _take(padded, adjacency.columns_of(block))
            mine = own.index_select(1, block.rows)
            found = least_sum(terms, mine, degrees.fewest[block.rows].expand_as(mine), degrees.loops)
            for target, part in ((value, found.value), (cut, found.cut), (share, found.share), (kept, found.kept)):
                target.index_copy_(1, block.rows, part.to(target.dtype))
        ctx.degrees, ctx.adjacency = degrees, adjacency
        ctx.save_for_backward(t, kept, cut, None if bool((share == 1).all()) else share)
        return value

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        t, kept, cut, share = ctx.saved_tensors
        adjacency, loops = ctx.adjacency.T, ctx.degrees.loops
        scale = _kept_scale(kept, loops, grad.dtype)
        flow, cut = (torch.nn.functional.pad(x, (0, 1), value=v) for x, v in ((grad * scale, 0.0), (cut, -torch.inf)))
        tied = None if share is None else flow * torch.nn.functional.pad(share, (0, 1))
        grad_t = torch.empty_like(t)
        for block in _pieces(adjacency.blocks, t):
            sources = adjacency.columns_of(block)
            mine, limit = t.index_select(1, block.rows).unsqueeze(-1), _take(cut, sources)
            part = _take(flow, sources)
            if tied is None:
                part *= mine <= limit
            else:
                part *= mine < limit
                part += _take(tied, sources) * (mine == limit)
            grad_t.index_copy_(1, block.rows, part.sum(-1))
        return grad_t, grad * scale * scale * loops, None, None


def _pieces(blocks: list[Block], t: Tensor) -> list[Block]:
    """Blocks split so that the terms of all columns of a piece stay near a quarter of the byte budget."""
    columns = t.shape[0] * t.element_size() * 4
    return [piece for block in blocks for piece in block.split(CHUNK_BYTES // (columns * max(1, block.slots.shape[1])))]


def _take(values: Tensor, columns: Tensor) -> Tensor:
    """[C, B, w] out of values [C, m]."""
    return values.index_select(1, columns.reshape(-1)).view(values.shape[0], *columns.shape)


@dataclass(frozen=True, eq=False)
class ByEntry:
    """The entry bound (E): every entry of the row at its own worst. Looser; kept as the yardstick of the row bound.

    An edge lies between 0 (``1 / sqrt(d_i d_j)`` where neither end may lose an edge) and its value when both ends
    lose all they may but this edge; the diagonal between ``1 / d_i`` and ``1 / (d_i - q_i)``.
    """

    degrees: Degrees

    def _edges(self, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        d = self.degrees
        upper = d.most_scale[rows] * d.most_scale[columns]
        lower = d.least_scale[rows] * d.least_scale[columns]
        return lower.masked_fill((d.budget[rows] > 0) | (d.budget[columns] > 0), 0.0), upper

    def _diagonal(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        d = self.degrees
        if not d.loops:
            return (torch.zeros_like(d.least_scale[rows]),) * 2
        return d.least_scale[rows].square(), 1.0 / (d.fewest[rows] + 1).double()

    def columns(self, y: Tensor, adjacency: Adjacency) -> Tensor:
        """See :class:`RowRule`."""
        lower, upper = self._edges(adjacency.row, adjacency.column)
        mine = y[: adjacency.count]
        below, above = self._diagonal(torch.arange(adjacency.count, device=y.device))
        diagonal = mine.clamp_min(0) * below[:, None].to(y.dtype) + mine.clamp_max(0) * above[:, None].to(y.dtype)
        return sparse_rows(lower, adjacency, y.clamp_min(0)) + sparse_rows(upper, adjacency, y.clamp_max(0)) + diagonal

    def block(self, y: Tensor, own: Tensor, block: Block, adjacency: Adjacency) -> Tensor:
        """See :class:`RowRule`."""
        columns = adjacency.columns_of(block)
        padding = columns == adjacency.width
        lower, upper = self._edges(block.rows[:, None], columns.masked_fill(padding, 0))
        lower, upper = (_beside(x.masked_fill(padding, 0.0).to(y.dtype), y) for x in (lower, upper))
        below, above = (_beside(x.to(y.dtype), own) for x in self._diagonal(block.rows))
        edges = (torch.where(y >= 0, lower, upper) * y.masked_fill(_beside(padding, y), 0.0)).sum(-1)
        return edges + torch.where(own >= 0, below, above) * own


def sparse_rows(values: Tensor, adjacency: Adjacency, y: Tensor) -> Tensor:
    """``A y`` for constant entries [E] of an adjacency and y [m, C]: [n, C]."""
    transposed = adjacency.T
    matrix = csr_tensor(adjacency.start, adjacency.column, values.to(y.dtype), (adjacency.count, adjacency.width))
    other = csr_tensor(
        transposed.start,
        transposed.column,
        values.index_select(0, adjacency.order).to(y.dtype),
        (adjacency.width, adjacency.count),
    )
    return multiply(y, matrix, other)


def _bound(y: Tensor, graph: Deletable, budget: Tensor, loops: bool, rule: type[ByRow] | type[ByEntry]) -> Tensor:
    patch: Patch = make_patch(graph, 1)
    return rule(Degrees(graph.degree, budget, int(loops))).columns(y, patch.adjacency(graph.num_nodes))


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
    return _bound(y, graph, budget, loops, ByRow) if side == "lower" else -_bound(-y, graph, budget, loops, ByRow)


def entry_bound(
    y: Tensor, graph: Deletable, budget: Tensor, *, loops: bool = True, side: Literal["lower", "upper"] = "lower"
) -> Tensor:
    """As :func:`row_bound`, from the bounds of single entries; see :class:`ByEntry`."""
    return _bound(y, graph, budget, loops, ByEntry) if side == "lower" else -_bound(-y, graph, budget, loops, ByEntry)
