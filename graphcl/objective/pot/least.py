"""The least value of a row over the edges that are kept, for every number of them: sorted sums, with their gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from graphcl.objective.pot.graph import Adjacency, Block

#: Temporaries of one step of the work stay near this many bytes.
CHUNK_BYTES = 32 * 2**20


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


def least_of_rows(terms: Tensor, own: Tensor, fewest: Tensor, loops: int) -> Tensor:
    """:func:`least_sum` of terms [..., w], differentiable and without writing to them."""
    return _Rows.apply(terms, own, fewest, loops)


def least_of_columns(t: Tensor, own: Tensor, fewest: Tensor, loops: int, adjacency: Adjacency) -> Tensor:
    """:func:`least_sum` where a neighbour brings the same terms to every row, differentiable.

    Args:
        t: [C, m], the terms of each node.
        own: [C, n].
        fewest: [M], M >= n.
        loops: 1 or 0.
        adjacency: Of n rows and m columns.

    Returns:
        [C, n].
    """
    return _Columns.apply(t, own, fewest, loops, adjacency)


class _Rows(Function):
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


class _Columns(Function):
    """:func:`least_sum` of terms that belong to the neighbour alone: t [C, m], own [C, n] -> [C, n].

    The gradient of ``t_k`` is collected at k from the rows it occurs in, so nothing is scattered, and only arrays of
    nodes x columns are kept from the forward pass.
    """

    @staticmethod
    def forward(ctx: Any, t: Tensor, own: Tensor, fewest: Tensor, loops: int, adjacency: Adjacency) -> Tensor:
        padded = torch.cat([t, t.new_full((t.shape[0], 1), torch.inf)], dim=1)
        value, cut, share = (torch.empty_like(own) for _ in range(3))
        kept = torch.empty(own.shape, dtype=torch.int32, device=own.device)
        for block in _pieces(adjacency.blocks, t):
            terms = _take(padded, adjacency.columns_of(block))
            mine = own.index_select(1, block.rows)
            found = least_sum(terms, mine, fewest[block.rows].expand_as(mine), loops)
            for target, part in ((value, found.value), (cut, found.cut), (share, found.share), (kept, found.kept)):
                target.index_copy_(1, block.rows, part.to(target.dtype))
        ctx.loops, ctx.adjacency = loops, adjacency
        ctx.save_for_backward(t, kept, cut, None if bool((share == 1).all()) else share)
        return value

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        t, kept, cut, share = ctx.saved_tensors
        adjacency, loops = ctx.adjacency.T, ctx.loops
        scale = _kept_scale(kept, loops, grad.dtype)
        flow, cut = (F.pad(x, (0, 1), value=v) for x, v in ((grad * scale, 0.0), (cut, -torch.inf)))
        tied = None if share is None else flow * F.pad(share, (0, 1))
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
        return grad_t, grad * scale * scale * loops, None, None, None


def _pieces(blocks: list[Block], t: Tensor) -> list[Block]:
    """Blocks split so that the terms of all columns of a piece stay near a quarter of the byte budget."""
    columns = t.shape[0] * t.element_size() * 4
    return [piece for block in blocks for piece in block.split(CHUNK_BYTES // (columns * max(1, block.slots.shape[1])))]


def _take(values: Tensor, columns: Tensor) -> Tensor:
    """[C, B, w] out of values [C, m]."""
    return values.index_select(1, columns.reshape(-1)).view(values.shape[0], *columns.shape)
