from __future__ import annotations

import pytest

from graphcl.objective.base import reduce_groups
from graphcl.objective.terms.hinge import Hinge, hinge

from ..fake_flow import FakeFlow, picked, random


def test_value_is_one_minus_the_margin_above_zero() -> None:
    u, i, j = random(5, 3, 0), random(5, 3, 1), random(5, 3, 2)
    expected = [
        max(0.0, 1 - sum(a * b for a, b in zip(x, y, strict=True)) + sum(a * c for a, c in zip(x, z, strict=True)))
        for x, y, z in zip(u.tolist(), i.tolist(), j.tolist(), strict=True)
    ]
    assert hinge(u, i, j).tolist() == pytest.approx(expected)


def test_the_term_has_the_margin_loss_and_bprs_rows() -> None:
    users, items = random(6, 3, 0), random(6, 3, 1)
    flow = FakeFlow({"u": picked(users, [2, 5]), "i": picked(items, [0, 1]), "j": picked(items, [3, 4])})
    (group,) = Hinge("u", "i", "j")(flow)
    expected = hinge(users[[2, 5]], items[:2], items[3:5]).sum().item()
    assert reduce_groups([group], "sum").item() == pytest.approx(expected)
