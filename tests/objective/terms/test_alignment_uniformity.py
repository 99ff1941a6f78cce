from __future__ import annotations

import math

import pytest
import torch

from graphcl.core.errors import UserError
from graphcl.objective.base import reduce_groups
from graphcl.objective.terms.alignment import Alignment, alignment
from graphcl.objective.terms.uniformity import Uniformity, uniformity

from ..fake_flow import FakeFlow, picked, random, unit


def test_directau() -> None:
    """Wang et al. 2022: align + gamma (uniform(users) + uniform(items)) / 2 on a batch with duplicate users."""
    users, items, gamma = random(6, 4, 0), random(6, 4, 1), 2.0
    u, i = [3, 3, 1, 0], [0, 5, 2, 2]
    flow = FakeFlow({"n[user][p]": picked(users, u), "n[item][p]": picked(items, i)})
    align, uniform = Alignment("n[user][p]", "n[item][p]"), Uniformity("n[*][p]", each=["user", "item"])
    found = reduce_groups(align(flow), "mean") + gamma * reduce_groups(uniform(flow), "mean")
    x, y = unit(users[u]), unit(items[i])

    def literal(z: torch.Tensor) -> torch.Tensor:
        return torch.pdist(z).pow(2).mul(-2).exp().mean().log()

    expected = (x - y).norm(p=2, dim=1).pow(2).mean() + gamma * (literal(x) + literal(y)) / 2
    torch.testing.assert_close(found, expected)
    for p, q in zip(
        torch.autograd.grad(found, (users, items)), torch.autograd.grad(expected, (users, items)), strict=True
    ):
        torch.testing.assert_close(p, q)


def test_uniformity_worked_by_hand() -> None:
    # the corners of a square: four pairs at squared distance 2, two at 4
    corners = torch.tensor([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0], [0.0, -1.0]])
    assert uniformity(corners, t=1.0).item() == pytest.approx(math.log((4 * math.exp(-2) + 2 * math.exp(-4)) / 6))


def test_uniformity_of_unique_rows() -> None:
    table = random(5, 3, 0)
    flow = FakeFlow({"x": picked(table, [4, 0, 4, 2])})
    (group,) = Uniformity("x", unique=True)(flow)
    torch.testing.assert_close(group.values[0], uniformity(table[[0, 2, 4]]))
    (group,) = Uniformity("x")(flow)
    torch.testing.assert_close(group.values[0], uniformity(table[[4, 0, 4, 2]]))


@pytest.mark.parametrize("count", [0, 1])
def test_uniformity_of_less_than_a_pair_is_zero(count: int) -> None:
    x = torch.ones(count, 3, requires_grad=True)
    value = uniformity(x)
    value.backward()
    assert value.item() == 0.0


def test_uniformity_of_zero_and_equal_rows_is_finite() -> None:
    for x in (torch.zeros(4, 3), torch.ones(4, 3)):
        x.requires_grad_()
        value = uniformity(x)
        value.backward()
        assert value.item() == pytest.approx(0.0, abs=1e-5)
        assert x.grad is not None
        assert x.grad.isfinite().all()


def test_uniformity_gradient() -> None:
    assert torch.autograd.gradcheck(uniformity, (random(5, 3, 0),))


def test_uniformity_takes_no_weights() -> None:
    with pytest.raises(UserError, match="nothing for 'weights'"):
        Uniformity("x", weights="state.w")


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0, 3.0])
def test_alignment(alpha: float) -> None:
    x, y = random(4, 3, 0), random(4, 3, 1)
    expected = [math.dist(unit(p).tolist(), unit(q).tolist()) ** alpha for p, q in zip(x, y, strict=True)]
    assert alignment(x, y, alpha).tolist() == pytest.approx(expected)
    assert torch.autograd.gradcheck(lambda x, y: alignment(x, y, alpha), (x, y))
    same = torch.ones(2, 3, requires_grad=True)
    alignment(same, torch.ones(2, 3), alpha).sum().backward()
    assert same.grad is not None
    assert (same.grad == 0).all()


def test_alignment_by_id() -> None:
    a, b = random(6, 3, 0), random(6, 3, 1)
    flow = FakeFlow({"a": picked(a, [5, 1, 3]), "b": picked(b, [3, 5, 0, 2])})
    (group,) = Alignment("a", "b", pair="id")(flow)
    assert group.left_out == 1
    torch.testing.assert_close(group.values, alignment(a[[5, 3]], b[[5, 3]]))
    with pytest.raises(UserError, match="3 rows of x and 4 of y"):
        Alignment("a", "b")(flow)


def test_weights_and_empty_batch_of_alignment() -> None:
    a, b, table = random(3, 2, 0), random(3, 2, 1), torch.tensor([1.0, 0.0, 3.0])
    flow = FakeFlow({"a": picked(a, [2, 0, 1]), "b": picked(b, [0, 1, 2]), "w": table, "none": picked(a, [])})
    found = reduce_groups(Alignment("a", "b", weights="w")(flow), "mean")
    values = alignment(a[[2, 0, 1]], b)
    torch.testing.assert_close(found, (3 * values[0] + values[1]) / 4)
    reduce_groups(Alignment("none", "none")(flow), "mean").backward()


def test_columns_are_the_invariance_of_cca_ssg() -> None:
    """-tr(Z1^T Z2 / N) of standardised columns, plus their number; the same gradient."""
    x, y = random(9, 4, 0), random(9, 4, 1)
    z, w = ((v - v.mean(0)) / v.std(0, unbiased=False) for v in (x, y))
    expected = 4 - torch.trace(z.T @ w) / 9
    found = alignment(x, y, normalize="columns").mean()
    torch.testing.assert_close(found, expected)
    for p, q in zip(torch.autograd.grad(found, (x, y)), torch.autograd.grad(expected, (x, y)), strict=True):
        torch.testing.assert_close(p, q)


def test_plain_rows_are_the_mean_squared_error() -> None:
    x, y = random(9, 4, 0), random(9, 4, 1)
    flow = FakeFlow({"x": x, "y": y})
    (group,) = Alignment("x", "y", normalize="none")(flow)
    torch.testing.assert_close(group.values.mean(), torch.nn.functional.mse_loss(x, y))


def test_an_exponent_belongs_to_unit_rows_and_columns_to_all_ranks() -> None:
    with pytest.raises(UserError, match="alpha 1 is an exponent of normalize: rows"):
        Alignment("x", "y", alpha=1.0, normalize="columns")
    assert Alignment("x", "y").combine == "mean"
    assert Alignment("x", "y", normalize="columns").combine == "gather"
