"""Straight lines below and above an activation on an interval."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Lines:
    """``lower x <= f(x) <= upper x + offset`` on the interval they were made for, elementwise."""

    lower: Tensor
    upper: Tensor
    offset: Tensor

    def pull(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """``g . f(x) >= h . x + constant`` on the interval: h, and the constant summed over the last axis."""
        below = g < 0
        return g * torch.where(below, self.upper, self.lower), (g.clamp_max(0) * self.offset).sum(-1)


def activation_lines(low: Tensor, high: Tensor, slope: Tensor | float) -> Lines:
    """Lines of ``f(x) = x`` above 0 and ``slope * x`` below, for x in [low, high].

    Where 0 lies inside, the upper line joins the ends, ``s (x - low) + slope * low`` with
    ``s = (high - slope * low) / (high - low)``, and the lower one is whichever of the two branches leaves the smaller
    area. Elsewhere both lines are f.

    Args:
        low: Lower end.
        high: Upper end.
        slope: In [0, 1] (0 is ReLU): f is then convex and monotone.
    """
    inside = (low < 0) & (high > 0)
    width = torch.where(inside, high - low, 1.0)
    branch = torch.where(low >= 0, 1.0, slope).to(low.dtype)
    chord = torch.where(inside, (high - slope * low) / width, branch)
    lower = torch.where(inside, torch.where(high > -low, 1.0, slope).to(low.dtype), branch)
    return Lines(lower, chord, torch.where(inside, (slope - chord) * low, 0.0))
