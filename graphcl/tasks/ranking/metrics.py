"""Ranking metrics of each user, from the hits of a ranked list."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def ranking_metrics(hits: Tensor, num_positives: Tensor, ks: Sequence[int]) -> dict[str, Tensor]:
    """Metrics of every user at every cut-off, as RecBole 1.2 defines them (its ``evaluator/metrics.py``).

    With ``h_r`` = 1 where the item at rank r is a positive and n the user's number of positives:

    - ``recall@K`` = sum_{r<=K} h_r / n; ``precision@K`` = sum_{r<=K} h_r / K; ``hit@K`` = 1 if any hit
    - ``mrr@K`` = 1 / rank of the first hit within K, else 0
    - ``ndcg@K`` = sum_{r<=K} h_r / log2(r + 1) / sum_{r<=min(K, n)} 1 / log2(r + 1) (Jarvelin and Kekalainen, 2002)
    - ``map@K`` = sum_{r<=K} h_r * precision@r / min(K, n)

    Args:
        hits: [users, width] bool, best rank first. Ranks beyond ``width`` (a catalogue smaller than K) are misses.
        num_positives: [users], at least 1 each.
        ks: Cut-offs.

    Returns:
        Name (``recall@20``) -> [users] float64 in [0, 1].
    """
    width = max(ks)
    h = torch.zeros(hits.shape[0], width, dtype=torch.float64, device=hits.device)
    h[:, : hits.shape[1]] = hits[:, :width]
    rank = torch.arange(1, width + 1, dtype=torch.float64, device=hits.device)
    discount = 1.0 / torch.log2(rank + 1)
    found = h.cumsum(1)
    gain = (h * discount).cumsum(1)
    ideal = discount.cumsum(0)
    precision_sum = (h * found / rank).cumsum(1)
    # Only the first hit has found == 1 and h == 1.
    reciprocal = (h * (found == 1) / rank).cumsum(1)
    total = num_positives.to(h)
    out: dict[str, Tensor] = {}
    for k in ks:
        reachable = total.clamp(max=k)
        out[f"recall@{k}"] = found[:, k - 1] / total
        out[f"ndcg@{k}"] = gain[:, k - 1] / ideal[reachable.long() - 1]
        out[f"mrr@{k}"] = reciprocal[:, k - 1]
        out[f"hit@{k}"] = (found[:, k - 1] > 0).to(h)
        out[f"precision@{k}"] = found[:, k - 1] / k
        out[f"map@{k}"] = precision_sum[:, k - 1] / reachable
    return out


def metric_names(ks: Sequence[int]) -> list[str]:
    """Names of all metrics at the cut-offs ``ks``."""
    nothing = torch.zeros(0, 1, dtype=torch.bool)
    return [*ranking_metrics(nothing, torch.zeros(0), ks), *coverage(torch.zeros(0, 1, dtype=torch.int64), 1, ks)]


def coverage(items: Tensor, num_items: int, ks: Sequence[int]) -> dict[str, float]:
    """``coverage@K``: the share of the catalogue that is in the top K of at least one user.

    Args:
        items: [users, width] recommended positions; -1 is no item.
        num_items: Size of the catalogue.
        ks: Cut-offs.
    """
    shares = {}
    for k in ks:
        given = torch.zeros(num_items + 1, dtype=torch.bool, device=items.device)
        given[items[:, :k].flatten()] = True  # -1 lands in the extra last place
        shares[f"coverage@{k}"] = given[:num_items].sum().item() / max(num_items, 1)
    return shares
