from __future__ import annotations

import math

import pytest
import torch

from graphcl.core.errors import UserError
from graphcl.objective.base import reduce_groups
from graphcl.objective.terms.bpr import BPR, bpr

from ..fake_flow import FakeFlow, picked, random


def test_value_is_minus_log_sigmoid() -> None:
    u, i, j = random(5, 3, 0), random(5, 3, 1), random(5, 3, 2)
    expected = [
        -math.log(1 / (1 + math.exp(-sum(a * (b - c) for a, b, c in zip(*rows, strict=True)))))
        for rows in zip(u.tolist(), i.tolist(), j.tolist(), strict=True)
    ]
    assert bpr(u, i, j).tolist() == pytest.approx(expected)


def test_does_not_underflow() -> None:
    u = torch.tensor([[1.0], [1.0]], requires_grad=True)
    found = bpr(u, torch.tensor([[0.0], [1e4]]), torch.tensor([[1e4], [0.0]]))
    assert found.tolist() == [1e4, 0.0]
    found.sum().backward()
    assert u.grad is not None
    assert u.grad.flatten().tolist() == [1e4, 0.0]


def test_the_term_reads_its_rows() -> None:
    users, items = random(6, 3, 0), random(6, 3, 1)
    flow = FakeFlow({
        "u": picked(users, [2, 2, 5]), "i": picked(items, [0, 1, 2]), "j": picked(items, [3, 3, 4]),
        "w": torch.arange(6.0),
    })  # fmt: skip
    values = bpr(users[[2, 2, 5]], items[:3], items[[3, 3, 4]])
    (group,) = BPR("u", "i", "j")(flow)
    torch.testing.assert_close(reduce_groups([group], "mean"), values.mean())
    assert group.ids is not None
    assert group.ids.tolist() == [2, 2, 5]
    (group,) = BPR("u", "i", "j", weights="w")(flow)
    weight = torch.tensor([2.0, 2.0, 5.0]).double()
    torch.testing.assert_close(reduce_groups([group], "mean"), (values * weight).sum() / 9)


def test_empty_batch_has_a_graph() -> None:
    users = random(6, 3, 0)
    flow = FakeFlow({name: picked(users, []) for name in "uij"})
    found = reduce_groups(BPR("u", "i", "j")(flow), "mean")
    found.backward()
    assert found.item() == 0.0


def test_lengths_must_agree() -> None:
    users = random(6, 3, 0)
    flow = FakeFlow({"u": picked(users, [1, 2]), "i": picked(users, [1, 2]), "j": picked(users, [1])})
    with pytest.raises(UserError, match="2 users, 2 positives and 1 negatives"):
        BPR("u", "i", "j")(flow)
