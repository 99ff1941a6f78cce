"""Weights of negatives that follow a curve over their similarity."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


def read_curve(curve: Tensor, x: Tensor) -> Tensor:
    """Linear interpolation.

    Args:
        curve: [G, 2], G >= 2: positions at equal distances, rising, and values.
        x: any shape; beyond the ends the value of the end.
    """
    first, last, count = curve[0, 0], curve[-1, 0], curve.shape[0]
    place = ((x - first) * ((count - 1) / (last - first))).clamp_(0, count - 1)
    low = place.long().clamp_max_(count - 2)
    share = place.sub_(low)
    values = curve[:, 1].contiguous()
    return torch.lerp(values.take(low), values.take(low.add_(1)), share)


@dataclass(frozen=True)
class CurveWeights:
    """``log_weights`` of the kernels: each negative weighs what the curve says, and an anchor's negatives 1 on average.

    The mean is taken over the negatives of each side (the other view, the anchors' own) by itself, so their shares of
    the denominator stay. The positive weighs 1.

    Attributes:
        curve: [G, 2], similarity and weight; see :func:`read_curve`.
        positives: [B], the column of each anchor's positive.
        own: [B], the column of the anchor itself among its own view's, or None where these are no candidates.
        first_own: where the own view's columns begin (the number of columns without them).
        log_counts: [first_own], log of how often a candidate counts, or None for once.
    """

    curve: Tensor
    positives: Tensor
    own: Tensor | None
    first_own: int
    log_counts: Tensor | None = None

    def __call__(self, similarity: Tensor, rows: Tensor, cols: Tensor) -> Tensor:
        """See :data:`graphcl.objective.kernels.adjust.LogWeights`."""
        weight = read_curve(self.curve.to(similarity.dtype), similarity)
        positive = self.positives.index_select(0, rows)
        self._scale(weight[:, : self.first_own], positive, self.log_counts)
        if self.own is not None:
            self._scale(weight[:, self.first_own :], self.own.index_select(0, rows) - self.first_own, None)
        weight.log_().scatter_(1, positive[:, None], 0.0)
        if self.log_counts is not None:
            weight[:, : self.first_own] += self.log_counts
        return weight

    @staticmethod
    def _scale(weight: Tensor, itself: Tensor, log_counts: Tensor | None) -> None:
        """Divide by the mean over all columns but one, in place; where it is 0, all weigh 1."""
        weight.scatter_(1, itself[:, None], 0.0)
        if log_counts is None:
            mean = weight.sum(1, keepdim=True) / max(weight.shape[1] - 1, 1)
        else:
            counts = log_counts.exp()
            others = (counts.sum() - counts.index_select(0, itself)).clamp_min(1.0)
            mean = (weight @ counts / others)[:, None]
        weight.copy_(torch.where(mean > 0, weight / mean.clamp_min(1e-30), 1.0))
