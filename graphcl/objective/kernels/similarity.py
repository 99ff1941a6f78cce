"""Operands whose inner product is the logit: similarity and temperature, folded outside the kernels.

Everything here is ordinary autograd on [B, d] and [N, d], so the kernels know inner products only
and gradients still reach anchors, candidates and temperature.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from graphcl.core.errors import UserError, suggestion

Similarity = Literal["cosine", "dot", "neg_sqdist"]
Temperature = float | Tensor


def unit_rows(x: Tensor) -> Tensor:
    """Rows (last dimension) of length one, at least float32; a zero row stays zero and gets a zero gradient.

    ``F.normalize`` gives a zero row the gradient ``g / eps``, which is 1e12 times too large.
    """
    x = widen(x)
    square = x.square().sum(-1, keepdim=True)
    zero = square == 0
    return x * square.masked_fill(zero, 1.0).rsqrt().masked_fill(zero, 0.0)


def widen(x: Tensor) -> Tensor:
    """Half precision to float32: a logit of 1e4 has steps of 64 in bfloat16."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def fold(
    anchors: Tensor,
    candidates: Tensor,
    *others: Tensor,
    similarity: Similarity,
    temperature: Temperature,
) -> tuple[Tensor, ...]:
    """Operands ``a`` and ``c`` with ``a @ c.T`` = similarity / temperature.

    Args:
        anchors: [B, d].
        candidates: [N, d].
        *others: More candidates of any leading shape [..., d].
        similarity: ``cosine``, ``dot``, or ``neg_sqdist`` = -||x - y||^2.
        temperature: A number, a scalar tensor or one value per anchor [B].

    Returns:
        The anchors' operand [B, d'], the candidates' [N, d'], and each of ``others``; at least float32.

    Raises:
        UserError: unknown similarity, or a temperature of another shape.
    """
    anchors, candidates, *rest = (widen(x) for x in (anchors, candidates, *others))
    if similarity not in get_args(Similarity):
        raise UserError(f"unknown similarity {similarity!r}{suggestion(similarity, get_args(Similarity))}")
    if similarity == "cosine":
        anchors, candidates, *rest = (unit_rows(x) for x in (anchors, candidates, *rest))
    elif similarity == "neg_sqdist":
        # Distances do not change under a common shift; a small norm keeps 2xy - xx - yy from cancelling.
        centre = _centre(anchors, candidates)
        anchors = _square_anchor(anchors - centre)
        candidates, *rest = (_square_candidate(x - centre) for x in (candidates, *rest))
    return (anchors / _per_anchor(temperature, anchors), candidates, *rest)


def _centre(anchors: Tensor, candidates: Tensor) -> Tensor:
    rows = candidates if candidates.shape[0] else anchors
    return rows.detach().mean(0) if rows.shape[0] else rows.new_zeros(rows.shape[-1])


def _square_anchor(x: Tensor) -> Tensor:
    """[2x, -1, -xx], so that its product with [y, yy, 1] is -||x - y||^2."""
    square = x.square().sum(-1, keepdim=True)
    return torch.cat([2 * x, -torch.ones_like(square), -square], dim=-1)


def _square_candidate(y: Tensor) -> Tensor:
    square = y.square().sum(-1, keepdim=True)
    return torch.cat([y, square, torch.ones_like(square)], dim=-1)


def _per_anchor(temperature: Temperature, anchors: Tensor) -> Temperature:
    """The temperature in a shape that divides [B, d]."""
    if not isinstance(temperature, Tensor):
        return temperature
    temperature = widen(temperature).to(anchors.dtype)
    if temperature.numel() == 1:
        return temperature.reshape(())
    if temperature.shape != anchors.shape[:1]:
        raise UserError(
            f"temperature has shape {list(temperature.shape)}; give a scalar or one value for each of "
            f"{anchors.shape[0]} anchors"
        )
    return temperature.unsqueeze(-1)
