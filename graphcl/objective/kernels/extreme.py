"""The hardest negatives: the candidates most similar to each anchor."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from graphcl.objective.kernels.adjust import LogWeights, Mask, build_adjust
from graphcl.objective.kernels.blockwise import block_rows
from graphcl.objective.kernels.partition import check_rows
from graphcl.objective.kernels.similarity import Similarity, Temperature, fold


class Extremes(NamedTuple):
    """The k largest logits of each anchor, descending, and where they are.

    Attributes:
        values: [B, k]; -inf where an anchor has fewer than k candidates.
        indices: [B, k] int64 positions among the candidates; -1 there.
    """

    values: Tensor
    indices: Tensor


@torch.no_grad()
def row_extreme(
    anchors: Tensor,
    candidates: Tensor,
    k: int,
    *,
    similarity: Similarity = "cosine",
    temperature: Temperature = 1.0,
    log_weights: Tensor | LogWeights | None = None,
    mask: Mask | None = None,
    block_bytes: int | None = None,
) -> Extremes:
    """The ``k`` candidates with the largest logits, without a [B, N] tensor and without gradient.

    To differentiate through them, gather rows by ``indices`` and give them to a kernel as own candidates.

    Args:
        anchors: [B, d].
        candidates: [N, d].
        k: How many.
        similarity: ``cosine``, ``dot`` or ``neg_sqdist``.
        temperature: A number, a scalar tensor, or one for each anchor [B].
        log_weights: Added to the logits, as in :func:`log_partition`.
        mask: What to keep or leave out (the positives, say), as in :func:`log_partition`.
        block_bytes: Size of a block of logits.

    Returns:
        Values and positions, [B, k] each.

    Raises:
        UserError: shapes that do not fit, unknown similarity.
    """
    check_rows(anchors, candidates)
    with torch.autocast(anchors.device.type, enabled=False):
        a, c = fold(anchors, candidates, similarity=similarity, temperature=temperature)
        adjust = build_adjust(a.shape[0], c.shape[0], log_weights=log_weights, mask=mask, temperature=temperature)
        values = a.new_full((a.shape[0], k), -torch.inf)
        indices = torch.full((a.shape[0], k), -1, dtype=torch.int64, device=a.device)
        rows, found = block_rows(c.shape[0], a.element_size(), block_bytes, a.device), min(k, c.shape[0])
        for start in range(0, a.shape[0], rows):
            part = slice(start, min(start + rows, a.shape[0]))
            values[part, :found], indices[part, :found] = adjust(a[part] @ c.t(), start).topk(found, dim=1)
    return Extremes(values, indices.masked_fill(values == -torch.inf, -1))
