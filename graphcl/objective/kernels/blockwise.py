"""Loss and gradients in one pass over blocks of logits: neither [B, N] nor its gradient ever exists.

For a block of anchors the logits turn in place into the softmax weights P. The value of an anchor is
its log-sum-exp, its gradient is P c, and the candidates' is P^T a: both are accumulated while the block
is still in the cache. That is done in *forward*; backward scales what was stored when all anchors receive
the same gradient (a sum, or a mean over a constant) and otherwise makes a second pass with the incoming
gradient as the anchors' weights.

Processes with equal operands divide the anchors (``division.py``): each passes over its own.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from graphcl.objective.kernels.adjust import Adjust
from graphcl.objective.kernels.division import Division, current_division
from graphcl.objective.kernels.stable import once, weigh

#: Measured at 3,800 x 29,858 and 7,500 x 40,981 (d 64, 2 threads): 8 to 16 MB stay in the last cache,
#: 64 MB and more cost a fifth, below 4 MB the products lose their speed.
CPU_BLOCK_BYTES = 12 << 20
#: An accelerator wants large products and has no such cache.
DEVICE_BLOCK_BYTES = 256 << 20
#: Fewer rows than this and the products are bound by reading the candidates.
MIN_ROWS = 16


class Pass(NamedTuple):
    """What one pass over the logits yields."""

    lse: Tensor  # [B]
    grad_a: Tensor | None  # [B, d]
    grad_c: Tensor | None  # [N, d]


def log_sum_exp(
    a: Tensor, c: Tensor, *, adjust: Adjust, extra: Tensor | None, weight: Tensor | None, block_bytes: int | None
) -> Tensor:
    """See :func:`graphcl.objective.kernels.dense.log_sum_exp`; differentiable once.

    Args:
        a: [B, d].
        c: [N, d].
        adjust: Applied to each block of logits.
        extra: [B] or None.
        weight: [B] or None.
        block_bytes: Size of a block of logits; None for the measured default.
    """
    rows = block_rows(c.shape[0], a.element_size(), block_bytes, a.device)
    wanted = (a.requires_grad, c.requires_grad) if torch.is_grad_enabled() else (False, False)
    return _LogSumExp.apply(a, c, extra, weight, adjust, rows, wanted, current_division())


def block_rows(num_candidates: int, element_size: int, block_bytes: int | None, device: torch.device) -> int:
    """How many anchors a block holds."""
    if block_bytes is None:
        block_bytes = CPU_BLOCK_BYTES if device.type == "cpu" else DEVICE_BLOCK_BYTES
    return max(MIN_ROWS, block_bytes // (element_size * max(num_candidates, 1)))


class _LogSumExp(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        a: Tensor,
        c: Tensor,
        extra: Tensor | None,
        weight: Tensor | None,
        adjust: Adjust,
        rows: int,
        wanted: tuple[bool, bool],
        division: Division | None,
    ) -> Tensor:
        own = slice(0, a.shape[0]) if division is None else division.share(a.shape[0])
        done = one_pass(a, c, extra, weight, adjust, rows, wanted, own)
        if division is not None:
            done = done._replace(lse=division.gather(done.lse[own], division.sizes(a.shape[0])))
        ctx.save_for_backward(a, c, extra, weight, *done)
        ctx.adjust, ctx.rows, ctx.wanted, ctx.own = adjust, rows, wanted, own
        ctx.factor = 1 if division is None else division.count
        return weigh(done.lse.clone(), weight)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        inputs = ctx.saved_tensors[:4]
        gradients = _gradients(ctx, grad)
        return (*(once(gradient, *inputs, grad) for gradient in gradients), None, None, None, None)


@torch.no_grad()
def _gradients(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    """Of anchors, candidates, extra and weight, given the gradient of the values."""
    a, c, extra, weight, lse, grad_a, grad_c = ctx.saved_tensors
    scale = grad if weight is None else grad * weight
    if _uniform(grad):
        # Out of place: the stored gradients serve a second backward of a retained graph.
        factor = grad[0] * ctx.factor if grad.numel() else grad.new_zeros(())
        grad_a, grad_c = (None if stored is None else stored * factor for stored in (grad_a, grad_c))
    else:
        _, grad_a, grad_c = one_pass(a, c, extra, scale * ctx.factor, ctx.adjust, ctx.rows, ctx.wanted, ctx.own)
    grad_extra = scale * _share(extra, lse) if ctx.needs_input_grad[2] else None
    grad_weight = grad * lse.masked_fill(lse == -torch.inf, 0.0) if ctx.needs_input_grad[3] else None
    return grad_a, grad_c, grad_extra, grad_weight


def one_pass(
    a: Tensor,
    c: Tensor,
    extra: Tensor | None,
    scale: Tensor | None,
    adjust: Adjust,
    rows: int,
    wanted: tuple[bool, bool],
    own: slice,
) -> Pass:
    """Log-sum-exp of the anchors ``own``, and the gradients of ``(scale * lse)[own].sum()`` that are wanted."""
    num, count = own.stop - own.start, c.shape[0]
    lse = a.new_empty(a.shape[0])
    grad_a = None if not wanted[0] else torch.empty_like(a) if num == a.shape[0] else torch.zeros_like(a)
    grad_c = torch.zeros_like(c) if wanted[1] else None
    rows = min(rows, max(num, 1))
    buffer = a.new_empty(rows, count)
    # In float32 whatever the caller's autocast says; this also runs in backward, outside his context.
    with torch.autocast(a.device.type, enabled=False):
        for start in range(own.start, own.stop, rows):
            part = slice(start, min(start + rows, own.stop))
            block = buffer[: part.stop - start]
            torch.mm(a[part], c.t(), out=block)
            partial = _softmax_(adjust(block, start), may_be_empty=adjust.active)
            lse[part] = partial if extra is None else torch.logaddexp(partial, extra[part])
            if grad_a is None and grad_c is None:
                continue
            factor = None if extra is None else _share(partial, lse[part])
            if scale is not None:
                factor = scale[part] if factor is None else factor * scale[part]
            _accumulate(block, a[part], c, factor, None if grad_a is None else grad_a[part], grad_c)
    return Pass(lse, grad_a, grad_c)


def _softmax_(block: Tensor, *, may_be_empty: bool) -> Tensor:
    """Turn logits into softmax weights in place and return the log-sum-exp of each row.

    The largest weight is exp(top - lse), hence lse = top - log(largest): two maxima in place of a sum.
    A row without any finite logit gets zero weights and -inf.
    """
    if block.shape[1] == 0:
        return block.new_full((block.shape[0],), -torch.inf)
    top = block.amax(1)
    torch.softmax(block, 1, out=block)
    if may_be_empty:
        block.masked_fill_((top == -torch.inf).unsqueeze(-1), 0.0)
        return torch.where(top == -torch.inf, top, top - block.amax(1).log())
    return top - block.amax(1).log()


def _accumulate(
    block: Tensor, a: Tensor, c: Tensor, factor: Tensor | None, grad_a: Tensor | None, grad_c: Tensor | None
) -> None:
    """``grad_a = factor * P c`` and ``grad_c += P^T (factor * a)``: the factor touches the small operands only."""
    if grad_a is not None:
        torch.mm(block, c, out=grad_a)
        if factor is not None:
            grad_a.mul_(factor.unsqueeze(-1))
    if grad_c is not None:
        grad_c.addmm_(block.t(), a if factor is None else a * factor.unsqueeze(-1))


def _share(part: Tensor, total: Tensor) -> Tensor:
    """exp(part - total), the share of a part in a sum; 0 of an empty sum."""
    return torch.where(total == -torch.inf, 0.0, part - total).exp().masked_fill(part == -torch.inf, 0.0)


def _uniform(grad: Tensor) -> bool:
    """Whether all anchors receive the same gradient; a broadcast one is known without reading it."""
    return grad.numel() == 0 or grad.stride(0) == 0 or bool((grad == grad[0]).all())
