"""The obvious reference: all logits at once, by ordinary autograd, differentiable any number of times."""

from __future__ import annotations

import torch
from torch import Tensor

from graphcl.objective.kernels.adjust import Adjust
from graphcl.objective.kernels.stable import safe_logsumexp, weigh


def log_sum_exp(
    a: Tensor, c: Tensor, *, adjust: Adjust, extra: Tensor | None, weight: Tensor | None, block_bytes: int | None
) -> Tensor:
    """``weight * log(sum_j exp(a c_j) + exp(extra))``; the contract of a backend.

    Args:
        a: [B, d].
        c: [N, d].
        adjust: Applied to the logits.
        extra: [B], a logit of each anchor's own, or None.
        weight: [B] or None.
        block_bytes: Not used here.

    Returns:
        [B].
    """
    logits = adjust(a @ c.t(), 0)
    if extra is not None:
        logits = torch.cat([logits, extra.unsqueeze(-1)], dim=-1)
    return weigh(safe_logsumexp(logits), weight)
