"""The log-partition: log of the sum over candidates of exp(similarity / temperature)."""

from __future__ import annotations

import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.objective.kernels.adjust import LogWeights, Mask, build_adjust
from graphcl.objective.kernels.backend import BackendName, choose_backend
from graphcl.objective.kernels.similarity import Similarity, Temperature, fold
from graphcl.objective.kernels.stable import safe_logsumexp


def log_partition(
    anchors: Tensor,
    candidates: Tensor,
    *,
    own_candidates: Tensor | None = None,
    similarity: Similarity = "cosine",
    temperature: Temperature = 1.0,
    log_weights: Tensor | LogWeights | None = None,
    mask: Mask | None = None,
    anchor_weight: Tensor | None = None,
    backend: BackendName | None = None,
    block_bytes: int | None = None,
) -> Tensor:
    """``anchor_weight_i * log( sum_j w_ij exp(s(a_i, c_j) / t_i) + sum_k exp(s(a_i, o_ik) / t_i) )``.

    Gradients reach anchors, candidates, own candidates, temperature and anchor weight. The sum of the
    result, or its mean, costs one pass over the logits, forward and backward together; with another
    gradient for each anchor it costs two: so give weights as ``anchor_weight`` and do not multiply after.

    Args:
        anchors: [B, d].
        candidates: [N, d], shared by all anchors.
        own_candidates: [B, K, d], more candidates of each anchor's own.
        similarity: ``cosine`` (zero rows: similarity 0, zero gradient), ``dot`` or ``neg_sqdist``.
        temperature: A number, a scalar tensor, or one for each anchor [B].
        log_weights: log w: [N], or a callable ``(similarity [b, N], rows [b], cols [N]) -> [b, N]`` that is
            called block by block without gradient. A constant of the loss; not applied to own candidates.
        mask: bool [B, N] (True = keep), or ``Csr`` / ``(indptr, indices)`` of the candidates to leave out.
        anchor_weight: [B]; the result is multiplied by it.
        backend: ``blockwise`` (default) or ``dense``.
        block_bytes: Size of a block of logits; the default is right for most machines.

    Returns:
        [B], at least float32. An anchor without any candidate gets -inf and a zero gradient.

    Raises:
        UserError: shapes that do not fit, unknown similarity or backend.
    """
    check_rows(anchors, candidates)
    with torch.autocast(anchors.device.type, enabled=False):
        others = () if own_candidates is None else (own_candidates,)
        a, c, *own = fold(anchors, candidates, *others, similarity=similarity, temperature=temperature)
        adjust = build_adjust(a.shape[0], c.shape[0], log_weights=log_weights, mask=mask, temperature=temperature)
        return choose_backend(backend)(
            a,
            c,
            adjust=adjust,
            extra=safe_logsumexp(own_logits(a, own[0])) if own else None,
            weight=anchor_weight,
            block_bytes=block_bytes,
        )


def own_logits(a: Tensor, own: Tensor) -> Tensor:
    """[B, K], the logits of each anchor with its own candidates, from folded operands [B, d] and [B, K, d]."""
    if own.dim() != 3 or own.shape[0] != a.shape[0]:
        raise UserError(f"own candidates have shape {list(own.shape)}; {a.shape[0]} anchors need [{a.shape[0]}, K, d]")
    return torch.bmm(own, a.unsqueeze(-1)).squeeze(-1)


def check_rows(anchors: Tensor, candidates: Tensor) -> None:
    """Refuse what is not [B, d] and [N, d].

    Raises:
        UserError: names both shapes.
    """
    if anchors.dim() != 2 or candidates.dim() != 2 or anchors.shape[1] != candidates.shape[1]:
        raise UserError(
            f"anchors {list(anchors.shape)} and candidates {list(candidates.shape)} must be [B, d] and [N, d]"
            " of one width"
        )
