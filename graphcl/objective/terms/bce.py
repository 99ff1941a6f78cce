"""Binary cross-entropy of a positive and sampled negatives, and its generalised form."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.options import Addresses, Probability
from graphcl.core.registry import register
from graphcl.objective.base import Anchored, Flow, Term, at_type
from graphcl.objective.kernels import widen
from graphcl.objective.pairs import same_rows


def binary_cross_entropy(
    anchors: Tensor,
    pos: Tensor,
    neg: Tensor,
    beta: float = 1.0,
    *,
    shared: bool = False,
    left_out: Tensor | None = None,
) -> Tensor:
    """``-beta log s(a . p) - sum_k log(1 - s(a . n_k))``, s the logistic function.

    ``beta`` 1 with one negative is SASRec's loss (Kang & McAuley, ICDM 2018); below 1 it is gBCE (Petrov &
    Macdonald, RecSys 2023, up to its factor 1 / (K + 1)), for :func:`gbce_beta`.

    Args:
        anchors: [B, d].
        pos: [B, d].
        neg: [B * K, d], K of each anchor's own, after each other; or [K, d], shared.
        beta: Exponent of the positive's probability.
        shared: Whether every anchor has all negatives.
        left_out: [B, K] bool, shared negatives that are none for an anchor.

    Returns:
        [B], at least float32.

    Example:
        >>> import torch
        >>> binary_cross_entropy(torch.ones(1, 1), torch.zeros(1, 1), torch.zeros(3, 1), shared=True)
        tensor([2.7726])
    """
    anchors, pos, neg = widen(anchors), widen(pos), widen(neg)
    positive = beta * F.softplus(-(anchors * pos).sum(-1))
    if not shared:
        own = neg.view(len(anchors), -1, neg.shape[-1]) if len(anchors) else neg[:, None]
        return positive + F.softplus(torch.einsum("bd,bkd->bk", anchors, own)).sum(-1)
    negative = F.softplus(anchors @ neg.T)
    return positive + (negative if left_out is None else negative.masked_fill(left_out, 0.0)).sum(-1)


def gbce_beta(t: float, num_negatives: int, num_items: int) -> float:
    """``1 - t (1 - alpha)``, alpha the share of the other items that are sampled (Petrov & Macdonald 2023).

    At ``t`` 0 it is 1, plain cross-entropy; at 1 it is alpha, which undoes the over-confidence that sampling causes.

    >>> gbce_beta(0.75, 256, 12_101)
    0.26586776859504136
    """
    alpha = min(1.0, num_negatives / max(1, num_items - 1))
    return 1.0 - t * (1.0 - alpha)


@register(
    "term",
    "bce",
    example={
        "anchors": "main.nodes[user][users]",
        "pos": "main.nodes[item][items_pos]",
        "neg": "main.nodes[item][items_neg]",
    },
)
class BCE(Term):
    """A positive is one, sampled negatives are none: SASRec's loss, and gSASRec's with many shared negatives."""

    combine = "gather"

    def __init__(  # noqa: D417 - Term documents the common options
        self,
        anchors: Addresses,
        pos: Addresses,
        neg: Addresses,
        shared: bool = False,
        t: Probability = 0.0,
        **common: Any,
    ) -> None:
        """
        Args:
            anchors: Rows that predict.
            pos: Rows of what they should predict, one for each.
            neg: Rows of what they should not: as many for each anchor, after each other.
            shared: Whether every anchor has all negatives instead, any number of them, but its own positive.
            t: Calibration of gBCE, 0 (none) to 1; needs `pos` to be rows of the table of all items.
        """
        super().__init__(**common)
        self.anchors, self.pos, self.neg, self.shared, self.t = anchors, pos, neg, shared, t

    def group(self, flow: Flow, node_type: str) -> Anchored:
        """One value per anchor."""
        anchors, pos, neg = (flow.rows(at_type(a, node_type)) for a in (self.anchors, self.pos, self.neg))
        own = 0 if self.shared else len(neg) // max(len(anchors), 1)
        if len(pos) != len(anchors) or not (self.shared or len(neg) == own * len(anchors)):
            raise UserError(
                f"bce: {len(anchors)} anchors, {len(pos)} positives and {len(neg)} negatives; give one positive and as "
                "many negatives for each anchor, or set shared for negatives that all anchors have"
            )
        beta = gbce_beta(self.t, own or len(neg), pos.base.shape[0]) if self.t else 1.0
        same = same_rows(pos, neg) if self.shared else None
        values = binary_cross_entropy(anchors.values, pos.values, neg.values, beta, shared=self.shared, left_out=same)
        weight = self.anchor_weight(flow, node_type, anchors.ids, values.new_ones(len(anchors)))
        return Anchored(values * weight, weight, anchors.ids)
