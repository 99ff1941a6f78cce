from __future__ import annotations

import numpy as np
import pytest
import torch

from graphcl.core.errors import UserError
from graphcl.objective.terms.decorrelation import Decorrelation, decorrelation
from graphcl.objective.terms.variance import Variance, variance

from ..fake_flow import FakeFlow, picked, random


def test_correlation_and_covariance_against_numpy() -> None:
    x = 2 + 3 * random(15, 4, 0)
    values = x.detach().numpy()
    away = np.corrcoef(values.T) - np.eye(4)
    assert decorrelation(x).item() == pytest.approx(float((away**2).sum()))
    covariance = np.cov(values.T)
    off = covariance - np.diag(np.diag(covariance))
    assert decorrelation(x, "covariance").item() == pytest.approx(float((off**2).sum()) / 4)


def test_a_constant_column_costs_one_of_the_identity() -> None:
    x = torch.tensor([[1.0, 1.0, 7.0], [1.0, -1.0, 7.0], [-1.0, 1.0, 7.0], [-1.0, -1.0, 7.0]])
    assert decorrelation(x).item() == pytest.approx(1.0)
    assert decorrelation(x, "covariance").item() == 0.0


def test_variance_is_a_hinge_on_the_sample_deviation() -> None:
    x = torch.stack([torch.linspace(-1, 1, 5), torch.linspace(-9, 9, 5), torch.zeros(5)], dim=1)
    deviation = (x[:, 0].var() + 1e-4).sqrt().item()
    assert variance(x).item() == pytest.approx((1 - deviation + 0 + 1 - 0.01) / 3)
    assert variance(x, target=0.5).item() == pytest.approx((0.5 - 0.01) / 3)


def test_a_collapsed_view_is_pushed_apart() -> None:
    x = (1e-3 * random(20, 3, 0)).detach().requires_grad_()
    before = x.var(0).sum()
    variance(x).backward()
    assert bool((x - x.grad).var(0).sum() > 2 * before)


@pytest.mark.parametrize("loss", [decorrelation, variance])
@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_rows_cost_nothing(loss, count: int) -> None:
    x = torch.ones(count, 3, requires_grad=True)
    value = loss(x)
    value.backward()
    assert value.item() == 0.0


def test_several_views_are_taken_one_by_one() -> None:
    x, y = random(7, 3, 0), random(7, 3, 1)
    flow = FakeFlow({"a": picked(x, [0, 1, 2, 5]), "b": picked(y, [0, 1, 2])})
    (group,) = Decorrelation(["a", "b"], of="covariance")(flow)
    expected = decorrelation(x[[0, 1, 2, 5]], "covariance") + decorrelation(y[:3], "covariance")
    torch.testing.assert_close(group.values, expected.reshape(1))
    (group,) = Variance(["a", "b"], target=2.0)(flow)
    torch.testing.assert_close(group.values, (variance(x[[0, 1, 2, 5]], 2.0) + variance(y[:3], 2.0)).reshape(1))
    (group,) = Variance("a")(flow)
    torch.testing.assert_close(group.values[0], variance(x[[0, 1, 2, 5]]))


@pytest.mark.parametrize("term", [Decorrelation, Variance])
def test_there_are_no_anchors_to_weight(term) -> None:
    with pytest.raises(UserError, match="'weights' has nothing to weight"):
        term("a", weights="state.table.score")
