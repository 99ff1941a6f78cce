"""Limits on how far scores of positive and negative pairs are driven apart (MCLRec's regularizer)."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from graphcl.core.options import Addresses
from graphcl.core.registry import register
from graphcl.objective.base import Anchored, Flow, Term, at_type
from graphcl.objective.kernels import widen
from graphcl.objective.pairs import pair_rows

Scope = Literal["batch", "anchor"]


def score_margin(x: Tensor, y: Tensor, scope: Scope = "batch") -> Tensor:
    """``[p_i - lo]_+ + mean_j [hi - n_ij]_+`` of each anchor, p_i its positive's score, n_ij those of its negatives.

    With ``lo = min(min p, max n)`` and ``hi = max(min p, max n)`` (Qin et al., SIGIR 2023, eq. 11-13). It works
    against InfoNCE: positives are pulled down to lo, negatives up to hi. Anchors are the rows of both sides; the
    negatives of one are all other rows of both sides but its partner; a score is an inner product.

    Args:
        x: [B, d].
        y: [B, d], the partners.
        scope: Whether lo and hi are of the whole batch (the paper), or of each anchor alone, its positive against its
            hardest negative (the authors' code).

    Returns:
        [2 B], at least float32; 0 for a single pair.
    """
    rows = torch.cat([widen(x), widen(y)])
    count = len(x)
    if count < 2:
        return 0.0 * rows.sum(1)
    scores = rows @ rows.T
    partner = torch.arange(2 * count, device=rows.device).roll(count)
    positive = scores.gather(1, partner.unsqueeze(1)).squeeze(1)
    other = torch.ones_like(scores, dtype=torch.bool).fill_diagonal_(False).scatter_(1, partner.unsqueeze(1), False)
    negative = scores.masked_select(other).view(2 * count, 2 * count - 2)
    hardest = negative.amax(1)
    least, most = (positive, hardest) if scope == "anchor" else (positive.min(), hardest.max())
    low, high = torch.minimum(least, most), torch.maximum(least, most)
    return (positive - low).relu() + (high.view(-1, 1) - negative).relu().mean(1)


@register("regularizer", "score_margin", example={"x": "a.proj", "y": "b.proj"})
class ScoreMargin(Term):
    """MCLRec's regularizer over two learned views; see :func:`score_margin`. Of a batch: 2B x 2B scores are formed."""

    combine = "gather"

    def __init__(self, x: Addresses, y: Addresses, scope: Scope = "batch", **common: Any) -> None:  # noqa: D417
        """
        Args:
            x: Rows of one view.
            y: Rows of the other, partners by position.
            scope: Whether the bounds are of the whole batch (the paper), or of each anchor (the authors' code).
        """
        super().__init__(**common)
        self.x, self.y, self.scope = x, y, scope

    def group(self, flow: Flow, node_type: str) -> Anchored:
        """One value for each row of both sides."""
        x, y, _ = pair_rows(flow.rows(at_type(self.x, node_type)), flow.rows(at_type(self.y, node_type)), "position")
        return Anchored(score_margin(x, y, self.scope))
