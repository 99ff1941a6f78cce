from __future__ import annotations

import pytest
import torch

from graphcl.core.errors import UserError
from graphcl.objective.base import reduce_groups
from graphcl.objective.regularizers import L2

from .fake_flow import FakeFlow, picked, random


def test_lightgcn_batch_l2() -> None:
    """LightGCN-PyTorch: (1/2) (||u||^2 + ||i||^2 + ||j||^2) / batch size, times the decay."""
    users, items, u, i, j = random(5, 3, 0), random(7, 3, 1), [4, 4, 1, 0], [0, 6, 6, 2], [1, 1, 3, 5]
    flow = FakeFlow({"u": picked(users, u), "i": picked(items, i), "j": picked(items, j)})
    term = L2(["u", "i", "j"], per="anchor", weight=1e-4)
    expected = 0.5 * (users[u].norm(2).pow(2) + items[i].norm(2).pow(2) + items[j].norm(2).pow(2)) / 4
    torch.testing.assert_close(reduce_groups(term(flow), term.reduce), expected)


def test_lightgcl_all_parameters() -> None:
    """LightGCL: the sum over all parameters of the squared norm, the whole tables in every step."""
    users, items = random(5, 3, 0), random(7, 3, 1)
    found = reduce_groups(L2()(FakeFlow({}, {"users": users, "items": items})), "mean")
    torch.testing.assert_close(found, users.norm(2).square() + items.norm(2).square())
    (gradient,) = torch.autograd.grad(found, users)
    torch.testing.assert_close(gradient, 2 * users)


def test_sum_over_rows_and_over_types() -> None:
    users, items = random(5, 3, 0), random(7, 3, 1)
    flow = FakeFlow({"t[user]": users, "t[item]": picked(items, [1, 1])})
    term = L2("t[*]", each=["user", "item"], reduce="sum")
    expected = users.square().sum() + 2 * items[1].square().sum()
    torch.testing.assert_close(reduce_groups(term(flow), term.reduce), expected)


def test_the_table_weights_the_anchors() -> None:
    users = random(5, 3, 0)
    flow = FakeFlow({"u": picked(users, [4, 1]), "w": torch.arange(5.0)})
    found = reduce_groups(L2("u", per="anchor", weights="w")(flow), "mean")
    torch.testing.assert_close(found, (4 * users[4].square().sum() + users[1].square().sum()) / 2 / 5)


def test_empty_batch_and_zero_parameters() -> None:
    users = torch.zeros(3, 2, requires_grad=True)
    for term in (L2("u", per="anchor"), L2("u"), L2()):
        reduce_groups(term(FakeFlow({"u": picked(users, [])}, {"u": users})), "mean").backward()
    assert users.grad is not None
    assert (users.grad == 0).all()


def test_mistakes_are_named() -> None:
    with pytest.raises(UserError, match="name them in 'of'"):
        L2(per="anchor")
    with pytest.raises(UserError, match="nothing for 'weights'"):
        L2("u", weights="w")
    users = random(5, 3, 0)
    with pytest.raises(UserError, match="u has 2, v has 1"):
        L2(["u", "v"], per="anchor")(FakeFlow({"u": picked(users, [1, 2]), "v": picked(users, [0])}))
