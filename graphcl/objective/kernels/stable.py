"""Pieces that the kernels share: safe sums, and a guard against wrong second derivatives."""

from __future__ import annotations

from typing import Any, NoReturn

import torch
from torch import Tensor


def safe_logsumexp(x: Tensor) -> Tensor:
    """Log-sum-exp over the last dimension; an empty or all -inf row gives -inf and a zero gradient, not NaN."""
    if x.shape[-1] == 0:
        return x.sum(-1) - torch.inf
    top = x.detach().amax(-1)
    top = top.masked_fill(top == -torch.inf, 0.0)
    total = (x - top.unsqueeze(-1)).exp().sum(-1)
    empty = total == 0
    return (total.masked_fill(empty, 1.0).log() + top).masked_fill(empty, -torch.inf)


def weigh(values: Tensor, weight: Tensor | None) -> Tensor:
    """``weight * values``; an empty sum's -inf stays -inf with a zero gradient, or becomes 0 under weight 0."""
    if weight is None:
        return values
    empty = values == -torch.inf
    return (weight * values.masked_fill(empty, 0.0)).masked_fill(empty & (weight != 0), -torch.inf)


def once(gradient: Tensor | None, *inputs: Tensor | None) -> Tensor | None:
    """A gradient computed by hand, as a function of ``inputs`` whose own derivative is refused.

    Under ``create_graph=True`` a hand-written backward would otherwise pass as a constant, and second-order
    gradients would be wrong without a word (``once_differentiable`` raises only when the *incoming* gradient
    has a history).
    """
    if gradient is None or not torch.is_grad_enabled():
        return gradient
    return _Once.apply(gradient, *inputs)


class _Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gradient: Tensor, *inputs: Tensor | None) -> Tensor:
        return gradient.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> NoReturn:
        raise RuntimeError(
            "this loss kernel is differentiable once; compute the loss inside"
            " graphcl.objective.kernels.differentiable()"
        )
