from __future__ import annotations

import pytest
import torch

from graphcl.core.errors import UserError
from graphcl.objective.base import Rows
from graphcl.objective.terms.cross_correlation import CrossCorrelation, cross_correlation

from ..fake_flow import FakeFlow, picked, random


def slow(x: torch.Tensor, y: torch.Tensor, factor: float) -> float:
    """Entry by entry."""
    total = 0.0
    for a in range(x.shape[1]):
        for b in range(y.shape[1]):
            u, v = x[:, a] - x[:, a].mean(), y[:, b] - y[:, b].mean()
            c = float((u * v).mean() / (u.square().mean() * v.square().mean()).sqrt())
            total += (1 - c) ** 2 if a == b else factor * c**2
    return total


@pytest.mark.parametrize("factor", [None, 0.0, 0.3])
def test_against_the_sum_over_entries(factor: float | None) -> None:
    x, y = random(12, 4, 0), random(12, 4, 1)
    expected = slow(x.detach(), y.detach(), 0.25 if factor is None else factor)
    assert cross_correlation(x, y, factor).item() == pytest.approx(expected)


def test_uncorrelated_columns_that_agree_cost_nothing() -> None:
    x = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    assert cross_correlation(x, 3 * x + 1).item() == pytest.approx(0.0, abs=1e-9)
    # both columns the same: (1 - 1)^2 twice, and two correlations of 1 off the diagonal
    assert cross_correlation(x[:, [0, 0]], x[:, [0, 0]], 0.5).item() == pytest.approx(1.0)


def test_a_constant_column_costs_one() -> None:
    x = random(6, 3, 0).detach()
    x[:, 1] = 2.0
    assert cross_correlation(x, x, 0.0).item() == pytest.approx(1.0)


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_rows_cost_nothing(count: int) -> None:
    x = torch.ones(count, 3, requires_grad=True)
    value = cross_correlation(x, x)
    value.backward()
    assert value.item() == 0.0


def test_rows_are_paired_by_id_and_others_left_out() -> None:
    x, y = random(6, 3, 0), random(6, 3, 1)
    flow = FakeFlow({"a": picked(x, [0, 2, 3, 5]), "b": picked(y, [5, 3, 1, 0])})
    (group,) = CrossCorrelation("a", "b")(flow)
    torch.testing.assert_close(group.values[0], cross_correlation(x[[0, 3, 5]], y[[0, 3, 5]]))
    assert group.left_out == 1
    (group,) = CrossCorrelation("a", "b", pair="position")(flow)
    torch.testing.assert_close(group.values[0], cross_correlation(x[[0, 2, 3, 5]], y[[5, 3, 1, 0]]))


def test_what_cannot_be_asked_for() -> None:
    with pytest.raises(UserError, match="'weights' has nothing to weight"):
        CrossCorrelation("a", "b", weights="state.table.score")
    flow = FakeFlow({"a": Rows(torch.ones(3, 2)), "b": Rows(torch.ones(2, 2))})
    with pytest.raises(UserError, match="3 rows of x and 2 of y"):
        CrossCorrelation("a", "b", pair="position")(flow)
