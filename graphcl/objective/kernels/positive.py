"""The logit of each anchor's positive or positives."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.objective.kernels.backend import is_differentiable
from graphcl.objective.kernels.csr import Csr
from graphcl.objective.kernels.partition import check_rows
from graphcl.objective.kernels.similarity import Similarity, Temperature, fold
from graphcl.objective.kernels.stable import once

#: One candidate per anchor (int64 [B]), several (``Csr``), or rows of the anchors' own (float [B, d]).
Positives = Tensor | Csr
Multi = Literal["outside", "inside"]
Clamp = tuple[float, float]

#: Pairs whose rows are gathered at a time: 2 x 64 MB at d = 64.
PAIR_CHUNK = 1 << 18


def positive_logit(
    anchors: Tensor,
    candidates: Tensor,
    positives: Positives,
    *,
    similarity: Similarity = "cosine",
    temperature: Temperature = 1.0,
    clamp: Clamp | None = None,
    multi: Multi = "outside",
) -> Tensor:
    """``s(a_i, c_p) / t_i`` of each anchor's positive ``p``.

    With several positives, ``outside`` gives their mean weighted by the weights (SupCon's L_out, Khosla et al.
    2020, Eq. 2: the mean stands outside the logarithm) and ``inside`` the log of the weighted sum of their
    exponentials (MIL-NCE, Miech et al. 2020; SupCon's L_in, Eq. 3, is that minus log |P(i)|).

    Args:
        anchors: [B, d].
        candidates: [N, d].
        positives: Index into the candidates [B]; ``Csr`` of indices with optional weights; or rows [B, d].
        similarity: ``cosine``, ``dot`` or ``neg_sqdist``.
        temperature: A number, a scalar tensor, or one for each anchor [B].
        clamp: Lowest and highest value of a positive's logit; beyond them its gradient is zero.
        multi: ``outside`` or ``inside``.

    Returns:
        [B]. An anchor without positives gets 0 (``outside``) or -inf (``inside``).

    Raises:
        UserError: shapes that do not fit.
    """
    check_rows(anchors, candidates)
    with torch.autocast(anchors.device.type, enabled=False):
        own = () if (rows := own_rows(positives)) is None else (rows,)
        a, c, *folded = fold(anchors, candidates, *own, similarity=similarity, temperature=temperature)
        return folded_positive(a, c, folded[0] if folded else positives, clamp, multi)


def own_rows(positives: Positives) -> Tensor | None:
    """The positives where they are given as rows, None where they are indices into the candidates."""
    return positives if isinstance(positives, Tensor) and positives.is_floating_point() else None


def folded_positive(a: Tensor, c: Tensor, positives: Positives, clamp: Clamp | None, multi: Multi) -> Tensor:
    """:func:`positive_logit` on folded operands."""
    if isinstance(positives, Csr):
        logits = _bounded(pair_dot(a, c, positives.rows, positives.indices), clamp)
        reduce = {"outside": segment_mean, "inside": segment_logsumexp}[multi]
        return reduce(logits, positives)
    if positives.shape[0] != a.shape[0]:
        raise UserError(f"{positives.shape[0]} positives for {a.shape[0]} anchors; give one for each")
    rows = own_rows(positives)
    return _bounded((a * (c.index_select(0, positives) if rows is None else rows)).sum(-1), clamp)


def _bounded(logits: Tensor, clamp: Clamp | None) -> Tensor:
    return logits if clamp is None else logits.clamp(*clamp)


def segment_mean(values: Tensor, csr: Csr) -> Tensor:
    """[B], the weighted mean of each row's entries; 0 of an empty row."""
    weights = torch.ones_like(values) if csr.weights is None else csr.weights.to(values.dtype)
    rows, size = csr.rows, csr.indptr.numel() - 1
    total = values.new_zeros(size).index_add(0, rows, weights)
    summed = values.new_zeros(size).index_add(0, rows, weights * values)
    return summed / total.masked_fill(total == 0, 1.0)


def segment_logsumexp(values: Tensor, csr: Csr) -> Tensor:
    """[B], log of the weighted sum of the exponentials of each row's entries; -inf of an empty row."""
    rows, size = csr.rows, csr.indptr.numel() - 1
    if csr.weights is not None:
        values = values + csr.weights.to(values.dtype).log()
    top = values.new_full((size,), -torch.inf).scatter_reduce(0, rows, values.detach(), "amax")
    top = top.masked_fill(top == -torch.inf, 0.0)
    total = values.new_zeros(size).index_add(0, rows, (values - top.index_select(0, rows)).exp())
    empty = total == 0
    return (total.masked_fill(empty, 1.0).log() + top).masked_fill(empty, -torch.inf)


def pair_dot(a: Tensor, c: Tensor, rows: Tensor, cols: Tensor) -> Tensor:
    """[P], ``a[rows] . c[cols]``, without ever holding [P, d] (unless it must be differentiable twice)."""
    if is_differentiable():
        return (a.index_select(0, rows) * c.index_select(0, cols)).sum(-1)
    return _PairDot.apply(a, c, rows, cols)


class _PairDot(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, c: Tensor, rows: Tensor, cols: Tensor) -> Tensor:
        ctx.save_for_backward(a, c, rows, cols)
        out = a.new_empty(rows.numel())
        for part, i, j in _chunks(rows, cols):
            torch.linalg.vecdot(a.index_select(0, i), c.index_select(0, j), out=out[part])
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        a, c, rows, cols = ctx.saved_tensors
        grad_a, grad_c = _pair_gradients(a, c, rows, cols, grad, ctx.needs_input_grad)
        return once(grad_a, a, c, grad), once(grad_c, a, c, grad), None, None


@torch.no_grad()
def _pair_gradients(
    a: Tensor, c: Tensor, rows: Tensor, cols: Tensor, grad: Tensor, wanted: tuple[bool, ...]
) -> tuple[Tensor | None, Tensor | None]:
    grad_a = torch.zeros_like(a) if wanted[0] else None
    grad_c = torch.zeros_like(c) if wanted[1] else None
    for part, i, j in _chunks(rows, cols):
        factor = grad[part].unsqueeze(-1)
        if grad_a is not None:
            grad_a.index_add_(0, i, c.index_select(0, j).mul_(factor))
        if grad_c is not None:
            grad_c.index_add_(0, j, a.index_select(0, i).mul_(factor))
    return grad_a, grad_c


def _chunks(rows: Tensor, cols: Tensor) -> list[tuple[slice, Tensor, Tensor]]:
    parts = [slice(start, start + PAIR_CHUNK) for start in range(0, rows.numel(), PAIR_CHUNK)]
    return [(part, rows[part], cols[part]) for part in parts]
