"""Cross-entropy of a positive among sampled negatives, corrected for how likely each was to be drawn."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.options import Addresses, Positive
from graphcl.core.registry import register
from graphcl.objective.base import Anchored, Flow, Rows, Term, at_type
from graphcl.objective.kernels import contrast, widen
from graphcl.objective.pairs import same_rows


def sampled_softmax(
    anchors: Tensor,
    pos: Tensor,
    neg: Tensor,
    log_counts: Tensor | None = None,
    *,
    temperature: float = 1.0,
    left_out: Tensor | None = None,
) -> Tensor:
    """``-log exp(a . p) / (exp(a . p) + sum_k exp(a . n_k - log c_k))``, c how often a negative was expected.

    The sum is then an unbiased estimate of that over all other candidates, as importance sampling has it (Bengio and
    Senecal, IEEE Trans. Neural Networks 2008). The positive is always there: its count is 1, and nothing is taken from
    its logit. Without ``log_counts``, popular negatives are pushed away as often as they are drawn.

    Args:
        anchors: [B, d].
        pos: [B, d].
        neg: [B, K, d], negatives of each anchor's own; or [K, d], shared by all.
        log_counts: Of the negatives, [B, K] or [K].
        temperature: What the products are divided by.
        left_out: [B, K] bool, negatives that are none for an anchor.

    Returns:
        [B], at least float32.

    Example:
        >>> import torch
        >>> sampled_softmax(torch.ones(1, 1), torch.zeros(1, 1), torch.zeros(3, 1), torch.zeros(3))
        tensor([1.3863])
    """
    if neg.dim() == 2:
        return contrast(
            anchors, neg, pos, similarity="dot", temperature=temperature,
            log_weights=None if log_counts is None else -log_counts, mask=None if left_out is None else ~left_out,
        )  # fmt: skip
    anchors, pos, neg = widen(anchors), widen(pos), widen(neg)
    positive = (anchors * pos).sum(-1, keepdim=True) / temperature
    negative = (neg @ anchors.unsqueeze(-1)).squeeze(-1) / temperature
    if log_counts is not None:
        negative = negative - log_counts.to(negative.dtype)
    if left_out is not None:
        negative = negative.masked_fill(left_out, -torch.inf)
    return torch.logsumexp(torch.cat([positive, negative], dim=1), dim=1) - positive.squeeze(1)


@register(
    "term",
    "sampled_softmax",
    example={
        "anchors": "main.nodes[user][users]",
        "pos": "main.nodes[item][items_pos]",
        "neg": "main.nodes[item][items_neg]",
        "log_q": False,
    },
)
class SampledSoftmax(Term):
    """The positive is picked out among sampled negatives, in the place of all candidates; see :func:`sampled_softmax`.

    With ``log_q``, and negatives that are drawn for all targets of a batch (of the task `sequence`: ``neg:
    table.item[shared]``, ``shared: true``), it is next-item cross-entropy in expectation, up to the logarithm (Yi et
    al., RecSys 2019). Of a target's own negatives (``table.item[negatives]``), which are never items of its history,
    it is that over the items that are not.
    """

    combine = "gather"

    def __init__(  # noqa: D417 - Term documents the common options
        self,
        anchors: Addresses,
        pos: Addresses,
        neg: Addresses,
        shared: bool = False,
        log_q: bool = True,
        temperature: Positive = 1.0,
        **common: Any,
    ) -> None:
        """
        Args:
            anchors: Rows that predict.
            pos: Rows of what they should predict, one for each.
            neg: Rows of what they should not: as many for each anchor, after each other.
            shared: Whether every anchor has all negatives instead, any number of them, but its own positive.
            log_q: Take from the logit of a negative the logarithm of how often it was expected to be drawn.
            temperature: What products are divided by.
        """
        super().__init__(**common)
        self.anchors, self.pos, self.neg = anchors, pos, neg
        self.shared, self.log_q, self.temperature = shared, log_q, temperature

    def group(self, flow: Flow, node_type: str) -> Anchored:
        """One value per anchor."""
        anchors, pos, neg = (flow.rows(at_type(a, node_type)) for a in (self.anchors, self.pos, self.neg))
        count = len(anchors)
        if len(pos) != count or (not self.shared and (len(neg) < count or len(neg) % max(count, 1))):
            raise UserError(
                f"sampled_softmax: {count} anchors, {len(pos)} positives and {len(neg)} negatives; give one positive "
                "and as many negatives for each, or set shared for negatives that all anchors have"
            )
        each = len(neg) // max(count, 1)
        rows = neg.values if self.shared else neg.values.view(count, each, neg.base.shape[-1])
        same = same_rows(pos, neg, own=not self.shared)
        values = sampled_softmax(
            anchors.values, pos.values, rows, self._log_counts(neg, rows), temperature=self.temperature, left_out=same
        )
        weight = self.anchor_weight(flow, node_type, anchors.ids, values.new_ones(count))
        return Anchored(values * weight, weight, anchors.ids)

    def _log_counts(self, neg: Rows, rows: Tensor) -> Tensor | None:
        """[K] or [B, K], how often each negative was expected among those of an anchor.

        Raises:
            UserError: it is not known, since the rows were not drawn, or drawn for others.
        """
        if not self.log_q:
            return None
        if neg.share is None or neg.share.shape != rows.shape[:-1]:
            drawn = "not sampled" if neg.share is None else "sampled for each anchor" if self.shared else "shared"
            raise UserError(
                f"sampled_softmax: log_q needs rows of known probability, and '{self.neg}' are {drawn}; of the task "
                "sequence take table.item[shared] with shared: true, or table.item[negatives] without, or set "
                "log_q: false"
            )
        return (neg.share * neg.share.shape[-1]).log()
