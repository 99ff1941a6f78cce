"""Metrics by slice: how active a user is, how popular an item is (counted in training)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphcl.tasks.ranking.evaluate import Ranking

ITEM_SLICES = ("head", "mid", "tail")


@dataclass(frozen=True)
class SliceRow:
    """One row of the table of slices.

    Attributes:
        kind: ``user activity`` or ``item popularity``.
        name: Of the slice, with the training counts it spans: ``q1 (3-12)``, ``head (210-583)``.
        users: How many users the means are over.
        metrics: Name -> mean; of an item slice, the recall of the items of that slice only.
    """

    kind: str
    name: str
    users: int
    metrics: dict[str, float]


def slice_users(ranking: Ranking, activity: Tensor, count: int = 4) -> list[SliceRow]:
    """Metrics of the users in ``count`` groups of equal size, from least to most active.

    Args:
        ranking: Of a split.
        activity: [U] training items of each user. Equally active users stay in one group, so that
            groups can differ in size and, where all are equal, be fewer.
        count: Number of groups.
    """
    mine = activity.index_select(0, ranking.users)
    cuts = mine.sort().values[torch.arange(1, count, device=mine.device) * mine.numel() // count]
    group = torch.bucketize(mine, cuts, right=True)
    per_user = ranking.per_user()
    table = []
    for number in range(count):
        rows = (group == number).nonzero().squeeze(1)
        if rows.numel():
            metrics = {name: values[rows].mean().item() for name, values in per_user.items()}
            name = f"q{number + 1} {_span(mine[rows])}"
            table.append(SliceRow("user activity", name, rows.numel(), metrics))
    return table


def popularity_slices(popularity: Tensor) -> Tensor:
    """[I] 0 head, 1 mid, 2 tail: each holds about a third of the training interactions.

    Items in descending order of count; equal counts stay together. Slices of equal mass hold about as
    many test items each, so their recalls are about equally precise.
    """
    ordered = popularity.sort(descending=True).values
    before = ordered.cumsum(0) - ordered
    # An item belongs where the first item of its count falls.
    first = torch.searchsorted(-ordered, -popularity)
    total = max(int(ordered.sum()), 1)
    return (3 * before[first] // total).clamp_(max=2)


def slice_items(ranking: Ranking, popularity: Tensor) -> list[SliceRow]:
    """Recall of head, mid and tail items: found positives of the slice / positives of the slice, mean over users.

    Args:
        ranking: Of a split.
        popularity: [I] training users of each item.
    """
    slices = popularity_slices(popularity)
    rows, items = ranking.positives.gather(ranking.users)
    # -1 (no item) is never a hit; any slice does for it.
    recommended = slices[ranking.items.clamp(min=0)]
    table = []
    for number, name in enumerate(ITEM_SLICES):
        wanted = torch.bincount(rows[slices[items] == number], minlength=ranking.users.numel())
        has = (wanted > 0).nonzero().squeeze(1)
        if not has.numel():
            continue
        found = (ranking.hits & (recommended == number)).double().cumsum(1)
        metrics = {}
        for k in ranking.ks:
            hits = found[:, min(k, found.shape[1]) - 1]
            metrics[f"recall@{k}"] = (hits[has] / wanted[has]).mean().item()
        name = f"{name} {_span(popularity[slices == number])}"
        table.append(SliceRow("item popularity", name, has.numel(), metrics))
    return table


def _span(counts: Tensor) -> str:
    return f"({int(counts.min())}-{int(counts.max())})"
