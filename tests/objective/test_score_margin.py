from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graphcl.objective.regularizers.score_margin import score_margin

from .fake_flow import random


def by_hand(x: Tensor, y: Tensor, scope: str) -> list[float]:
    rows, count = torch.cat([x, y]).tolist(), len(x)
    score = [[sum(p * q for p, q in zip(a, b, strict=True)) for b in rows] for a in rows]
    partner = [(i + count) % (2 * count) for i in range(2 * count)]
    positive = [score[i][partner[i]] for i in range(2 * count)]
    negative = [[score[i][j] for j in range(2 * count) if j not in (i, partner[i])] for i in range(2 * count)]
    found = []
    for p, others in zip(positive, negative, strict=True):
        least = min(positive) if scope == "batch" else p
        most = max(map(max, negative)) if scope == "batch" else max(others)
        low, high = min(least, most), max(least, most)
        found.append(max(0.0, p - low) + sum(max(0.0, high - n) for n in others) / len(others))
    return found


@pytest.mark.parametrize("scope", ["batch", "anchor"])
def test_value(scope: str) -> None:
    x, y = random(4, 3, 0), random(4, 3, 1)
    assert score_margin(x, y, scope).tolist() == pytest.approx(by_hand(x, y, scope))  # type: ignore[arg-type]


def test_it_pulls_positives_down_and_negatives_up() -> None:
    """Views that are told apart perfectly: the gradient step brings positive and negative scores nearer."""
    x = torch.eye(3, dtype=torch.float64, requires_grad=True)
    y = torch.eye(3, dtype=torch.float64, requires_grad=True)
    score_margin(x, y).mean().backward()
    with torch.no_grad():
        nearer = (x - 0.1 * x.grad) @ (y - 0.1 * y.grad).T
    assert bool((nearer.diagonal() < 1).all())
    assert bool((nearer[~torch.eye(3, dtype=torch.bool)] > 0).all())


def test_a_single_pair_has_nothing_to_limit() -> None:
    found = score_margin(random(1, 3, 0), random(1, 3, 1))
    assert found.tolist() == [0, 0]
    assert found.requires_grad
