"""The contrastive loss: log-partition minus the positive's logit."""

from __future__ import annotations

import torch
from torch import Tensor

from graphcl.objective.kernels.adjust import LogWeights, Mask, build_adjust
from graphcl.objective.kernels.backend import BackendName, choose_backend
from graphcl.objective.kernels.csr import Csr
from graphcl.objective.kernels.partition import check_rows, own_logits
from graphcl.objective.kernels.positive import Clamp, Multi, Positives, folded_positive, own_rows
from graphcl.objective.kernels.similarity import Similarity, Temperature, fold
from graphcl.objective.kernels.stable import safe_logsumexp, weigh


def contrast(
    anchors: Tensor,
    candidates: Tensor,
    positives: Positives,
    *,
    own_candidates: Tensor | None = None,
    own_log_weights: Tensor | None = None,
    similarity: Similarity = "cosine",
    temperature: Temperature = 1.0,
    log_weights: Tensor | LogWeights | None = None,
    mask: Mask | None = None,
    clamp: Clamp | None = None,
    positive_in_denominator: bool = True,
    multi: Multi = "outside",
    anchor_weight: Tensor | None = None,
    backend: BackendName | None = None,
    block_bytes: int | None = None,
) -> Tensor:
    """``anchor_weight_i * (log_partition_i - positive_logit_i)`` of every anchor, not reduced.

    Equals InfoNCE (van den Oord et al. 2018) with ``positives`` an index into the candidates; NT-Xent
    (Chen et al. 2020) with both views as candidates and the anchor itself masked; MoCo (He et al. 2020) with
    positives as rows and a queue as candidates; SupCon (Khosla et al. 2020) with a ``Csr`` of positives; CLIP
    with the two directions averaged; softmax cross-entropy over all items with ``similarity="dot"``;
    DCL (Yeh et al. 2022) without the positive in the denominator.

    Args:
        anchors: [B, d].
        candidates: [N, d]. Where positives are indices they lie among them.
        positives: Index into the candidates [B]; ``Csr`` with optional weights; or rows of their own [B, d].
        own_candidates: [B, K, d], more negatives of each anchor's own.
        own_log_weights: [K] of these in the denominator; a constant.
        similarity: ``cosine``, ``dot`` or ``neg_sqdist``.
        temperature: A number, a scalar tensor, or one for each anchor [B].
        log_weights: Of the candidates in the denominator, as in :func:`log_partition`.
        mask: What the denominator keeps or leaves out, as in :func:`log_partition`.
        clamp: Bounds of the positive's logit in the numerator (the denominator's is never clamped).
        positive_in_denominator: Whether the denominator sums over the positives too.
        multi: With several positives, their mean ``outside`` the logarithm or their sum ``inside``.
        anchor_weight: [B], for instance how often a unique anchor occurred.
        backend: ``blockwise`` (default) or ``dense``.
        block_bytes: Size of a block of logits.

    Returns:
        [B], always finite for finite logits: an anchor without positives, or with nothing in its
        denominator, gets 0 and a zero gradient. The empty batch has a graph attached.

    Raises:
        UserError: shapes that do not fit, unknown similarity or backend.

    Example:
        >>> z = torch.eye(2)
        >>> contrast(z, z, torch.arange(2), temperature=1.0)
        tensor([0.3133, 0.3133])
    """
    check_rows(anchors, candidates)
    with torch.autocast(anchors.device.type, enabled=False):
        others = [x for x in (own_candidates, own_rows(positives)) if x is not None]
        a, c, *folded = fold(anchors, candidates, *others, similarity=similarity, temperature=temperature)
        exclude: tuple[Csr, ...] = ()
        own = [] if own_candidates is None else [own_logits(a, folded[0])]
        if own and own_log_weights is not None:
            own[0] = own[0] + own_log_weights.to(own[0])
        if own_rows(positives) is not None:
            positives = folded[-1]
            if positive_in_denominator:
                own.append((a * positives).sum(-1, keepdim=True))
        elif not positive_in_denominator:
            exclude = (positives if isinstance(positives, Csr) else Csr.one_each(positives),)
        if isinstance(positives, Csr):
            anchor_weight = _present(positives, anchor_weight, a.dtype)
        adjust = build_adjust(
            a.shape[0], c.shape[0], log_weights=log_weights, mask=mask, exclude=exclude, temperature=temperature
        )
        denominator = choose_backend(backend)(
            a,
            c,
            adjust=adjust,
            extra=safe_logsumexp(torch.cat(own, dim=-1)) if own else None,
            weight=anchor_weight,
            block_bytes=block_bytes,
        )
        value = denominator - weigh(folded_positive(a, c, positives, clamp, multi), anchor_weight)
        return value.masked_fill(denominator == -torch.inf, 0.0)


def _present(positives: Csr, weight: Tensor | None, dtype: torch.dtype) -> Tensor:
    """The weight, 0 where an anchor has no positive."""
    present = (positives.counts > 0).to(dtype)
    return present if weight is None else weight * present
