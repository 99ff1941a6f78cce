"""Full ranking written out with loops: slow, and obviously right."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from graphcl.tasks.ranking import ItemLists


def lists(rows: list[list[int]], num_items: int) -> ItemLists:
    """ItemLists from nested Python lists."""
    users = torch.tensor([u for u, row in enumerate(rows) for _ in row], dtype=torch.int64)
    items = torch.tensor([i for row in rows for i in row], dtype=torch.int64)
    return ItemLists.from_pairs(users, items, len(rows), num_items)


def best(scores: list[float], k: int, left_out: set[int], key) -> list[int]:
    """The k best items of one user: by score, then by ``key(item)``, both descending."""
    free = [i for i in range(len(scores)) if i not in left_out]
    return sorted(free, key=lambda i: (scores[i], key(i)), reverse=True)[:k]


def metrics(ranked: list[int], positives: set[int], k: int) -> dict[str, float]:
    """The metrics of one user, from their definitions."""
    top = ranked[:k]
    hit_ranks = [rank for rank, item in enumerate(top, start=1) if item in positives]
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(k, len(positives)) + 1))
    precisions = [sum(1 for r in hit_ranks if r <= rank) / rank for rank in hit_ranks]
    return {
        f"recall@{k}": len(hit_ranks) / len(positives),
        f"ndcg@{k}": sum(1 / math.log2(rank + 1) for rank in hit_ranks) / ideal,
        f"mrr@{k}": 1 / hit_ranks[0] if hit_ranks else 0.0,
        f"hit@{k}": 1.0 if hit_ranks else 0.0,
        f"precision@{k}": len(hit_ranks) / k,
        f"map@{k}": sum(precisions) / min(k, len(positives)),
    }


def table(values: list[list[float]]):
    """A scorer that reads a table of scores."""
    scores = torch.tensor(values, dtype=torch.float32)

    def score_block(users: Tensor) -> Tensor:
        return scores[users].clone()

    return score_block
