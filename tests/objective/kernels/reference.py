"""The kernels written with loops over plain floats."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def similarity(x: Tensor, y: Tensor, kind: str) -> float:
    dot = sum(float(p) * float(q) for p, q in zip(x, y, strict=True))
    if kind == "dot":
        return dot
    if kind == "neg_sqdist":
        return -sum((float(p) - float(q)) ** 2 for p, q in zip(x, y, strict=True))
    length = math.sqrt(sum(float(p) ** 2 for p in x)) * math.sqrt(sum(float(q) ** 2 for q in y))
    return dot / length if length else 0.0


def logsumexp(values: list[float]) -> float:
    if not values or max(values) == -math.inf:
        return -math.inf
    top = max(values)
    return top + math.log(sum(math.exp(v - top) for v in values))


def log_partition(
    anchors: Tensor,
    candidates: Tensor,
    own: Tensor | None = None,
    kind: str = "cosine",
    temperature: list[float] | float = 1.0,
    log_weights: list[float] | None = None,
    keep: Tensor | None = None,
) -> list[float]:
    result = []
    for i, anchor in enumerate(anchors):
        t = temperature[i] if isinstance(temperature, list) else temperature
        terms = []
        for j, candidate in enumerate(candidates):
            if keep is None or bool(keep[i, j]):
                terms.append(similarity(anchor, candidate, kind) / t + (log_weights[j] if log_weights else 0.0))
        if own is not None:
            terms += [similarity(anchor, other, kind) / t for other in own[i]]
        result.append(logsumexp(terms))
    return result


def csr_of(keep: Tensor) -> tuple[Tensor, Tensor]:
    """(indptr, indices) of what a dense mask leaves out."""
    lists = [[j for j, kept in enumerate(row) if not kept] for row in keep.tolist()]
    indptr = torch.tensor([0, *(len(x) for x in lists)]).cumsum(0)
    return indptr, torch.tensor([j for x in lists for j in x], dtype=torch.int64)
