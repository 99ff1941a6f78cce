"""All rows of one set against each other: what two views that are contrasted both ways, and within, come to.

The logits are symmetric, so each is computed once: blocks of rows against the rows from there on. Their exponentials
wait for backward, which has to know all sums, where they are few, and are made again where they are not. That is 6 or 8
products of [N, N, d] for two views of N rows where two directions by themselves take 12, and half the exponentials.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from graphcl.objective.kernels.backend import is_differentiable
from graphcl.objective.kernels.blockwise import block_rows
from graphcl.objective.kernels.division import current_division
from graphcl.objective.kernels.similarity import unit_rows
from graphcl.objective.kernels.stable import once

#: exp(-2 / t) is far from the smallest number of float32, so that one shift, 1 / t, serves all rows.
LEAST_TEMPERATURE = 0.03
#: Exponentials that wait for backward, at most; two views of 2,700 rows have as many.
KEPT_BYTES = 64 << 20

_Block = tuple[int, int, Tensor]


def mutual_possible(temperature: float) -> bool:
    """Whether :func:`mutual_contrast` can stand for the two directions here: no second derivative is asked for, no
    processes share the work, and the temperature is not tiny."""
    return temperature >= LEAST_TEMPERATURE and current_division() is None and not is_differentiable()


def mutual_contrast(
    a: Tensor, b: Tensor, place: Tensor, partner: Tensor, *, temperature: float, block_bytes: int | None = None
) -> Tensor:
    """The mean of both directions of InfoNCE by cosine, where each row's negatives are all other rows of both views.

    NT-Xent (Chen et al. 2020, Eq. 1), GRACE (Zhu et al. 2020, Eq. 1 and 2). Equals :func:`contrast` of ``a[place]``
    among ``[b; a]`` and of ``b[partner]`` among ``[a; b]``, each without itself, averaged.

    Args:
        a: [N, d], one view.
        b: [M, d], the other.
        place: [B], rows of ``a``.
        partner: [B], the row of ``b`` that belongs to each.
        temperature: What cosines are divided by, at least ``LEAST_TEMPERATURE``.
        block_bytes: Size of a block of logits; None for the measured default.

    Returns:
        [B].

    Example:
        >>> z = torch.eye(2)
        >>> mutual_contrast(z, z, torch.arange(2), torch.arange(2), temperature=1.0)
        tensor([0.5514, 0.5514])
    """
    with torch.autocast(a.device.type, enabled=False):
        rows = unit_rows(torch.cat([a, b])) * temperature**-0.5
        one, other = place, partner + len(a)
        positive = (rows.index_select(0, one) * rows.index_select(0, other)).sum(1)
        sums = mutual_log_sum_exp(rows, 1.0 / temperature, block_bytes=block_bytes)
        return (sums.index_select(0, one) + sums.index_select(0, other)) / 2 - positive


def mutual_log_sum_exp(rows: Tensor, top: float, *, block_bytes: int | None = None) -> Tensor:
    """[N] ``log sum_{j != i} exp(z_i z_j)`` of rows [N, d]; differentiable once.

    Args:
        rows: None longer than ``sqrt(top)``.
        top: Bound of the logits, taken off before the exponential.
        block_bytes: Size of a block of logits.
    """
    return _Mutual.apply(rows, top, block_rows(len(rows), rows.element_size(), block_bytes, rows.device))


class _Mutual(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, top: float, size: int) -> Tensor:
        keep = ctx.needs_input_grad[0] and len(rows) ** 2 // 2 * rows.element_size() <= KEPT_BYTES
        total, kept = rows.new_zeros(len(rows)), []
        for start, stop, block in _blocks(rows, top, size, own=keep):
            total[start:stop] += block.sum(1)
            total[stop:] += block[:, stop - start :].sum(0)
            if keep:
                kept.append((start, stop, block))
        ctx.save_for_backward(rows, total)
        ctx.top, ctx.size, ctx.kept = top, size, kept
        return total.log() + top

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, None, None]:
        rows, total = ctx.saved_tensors
        blocks = ctx.kept or _blocks(rows, ctx.top, ctx.size)
        gradient = _gradient(rows, torch.where(total > 0, grad / total, 0.0), blocks)
        return once(gradient, rows, grad), None, None


@torch.no_grad()
def _gradient(rows: Tensor, scale: Tensor, blocks: Iterable[_Block]) -> Tensor:
    """``sum_j e_ij (scale_i + scale_j) z_j`` of each row: a pair counts in the sums of both."""
    gradient = torch.zeros_like(rows)
    buffer = rows.new_empty(0)
    for start, stop, block in blocks:
        if buffer.numel() < block.numel():  # the first is the largest
            buffer = rows.new_empty(block.numel())
        shares = buffer[: block.numel()].view_as(block)
        # The block itself stays as it is, for a second backward of a retained graph.
        torch.add(scale[start:stop, None], scale[start:], out=shares).mul_(block)
        gradient[start:stop].addmm_(shares, rows[start:])
        gradient[stop:].addmm_(shares[:, stop - start :].t(), rows[start:stop])
    return gradient


@torch.no_grad()
def _blocks(rows: Tensor, top: float, size: int, *, own: bool = False) -> Iterator[_Block]:
    """``exp(z_i z_j - top)`` of rows ``start:stop`` and the rows from ``start`` on, 0 of a row with itself.

    Blocks share their memory unless each is to have its ``own``.
    """
    ones = rows.new_ones(len(rows), 1)
    left, right = torch.cat([rows, ones], dim=1), torch.cat([rows, -top * ones], dim=1)
    buffer = rows.new_empty(0 if own else min(size, len(rows)) * len(rows))
    for start in range(0, len(rows), size):
        stop = min(start + size, len(rows))
        shape = stop - start, len(rows) - start
        block = rows.new_empty(shape) if own else buffer[: shape[0] * shape[1]].view(shape)
        torch.mm(left[start:stop], right[start:].t(), out=block)
        yield start, stop, block.exp_().fill_diagonal_(0.0)
