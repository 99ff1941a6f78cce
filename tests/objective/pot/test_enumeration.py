"""The bounds against every deletion within the budget: 25 graphs, all encoders. What is exact is tried, not sampled."""

from __future__ import annotations

import functools

import pytest
import torch
from torch import Tensor

from graphcl.encode.linear_layers import LinearLayer
from graphcl.objective.pot import lower_bound

from .enumerated import ENCODERS, Case, draw_case

SEEDS = range(25)
encoders = pytest.mark.parametrize("name", ENCODERS)


@functools.cache
def prepared(name: str, seed: int, total: int = 0) -> tuple[Case, list[LinearLayer], Tensor, Tensor]:
    """A case, its encoder, fixed weights, and the outputs after every deletion [D, N, d]."""
    make, loops = ENCODERS[name]
    case = draw_case(seed, total=total)
    layers = make(case.generator)
    return case, layers, case.weights(layers, loops), case.outputs(layers, loops)


def gaps(name: str, inner: str, by: str) -> tuple[Tensor, Tensor]:
    """The least score and its bound, of every node of every graph."""
    least, bounds = [], []
    for seed in SEEDS:
        case, layers, weights, outputs = prepared(name, seed)
        least.append((outputs * weights).sum(-1).amin(0))
        bounds.append(lower_bound(layers, case.x, weights, case.graph, case.budget, inner=inner, by=by).lower)
    return torch.cat(least), torch.cat(bounds)


@encoders
@pytest.mark.parametrize("total", [0, 3])
@pytest.mark.parametrize(("inner", "by"), [("row", "row"), ("interval", "row"), ("row", "entry")])
def test_no_deletion_within_the_budget_violates_the_bound(name: str, total: int, inner: str, by: str) -> None:
    tried = violations = 0
    for seed in SEEDS:
        case, layers, weights, outputs = prepared(name, seed, total)
        scores = (outputs * weights).sum(-1)
        bound = lower_bound(layers, case.x, weights, case.graph, case.budget, inner=inner, by=by)
        tolerance = 1e-6 * scores.abs().max()
        violations += int((bound.lower > scores + tolerance).sum())
        violations += int((bound.output.low > outputs + tolerance).sum())
        violations += int((bound.output.high < outputs - tolerance).sum())
        tried += scores.numel()
    assert tried > 2000
    assert violations == 0


@encoders
def test_the_true_least_value_is_near_the_bound_of_one_deletion_set(name: str) -> None:
    """With a budget of 0 there is one matrix: interval and score are exact but for the lines around activations."""
    case, layers, weights, outputs = prepared(name, 3)
    bound = lower_bound(layers, case.x, weights, case.graph, torch.zeros_like(case.budget), inner="row")
    torch.testing.assert_close(bound.output.low, outputs[0])
    torch.testing.assert_close(bound.output.high, outputs[0])
    torch.testing.assert_close(bound.lower, (outputs[0] * weights).sum(-1))


def test_the_row_bound_is_not_vacuous() -> None:
    """Two layers: its gap at most .6 of the entry bound's, and at least .35 of the truly positive nodes certified."""
    least, by_row = gaps("2_layers", "row", "row")
    _, by_entry = gaps("2_layers", "row", "entry")
    assert (least - by_row).mean() <= 0.6 * (least - by_entry).mean()
    positive = least > 0
    assert positive.sum() > 50
    assert (by_row[positive] > 0).double().mean() >= 0.35


@encoders
def test_the_row_of_pairs_is_never_looser_than_intervals(name: str) -> None:
    least, by_row = gaps(name, "row", "row")
    _, by_interval = gaps(name, "interval", "row")
    assert bool((by_row >= by_interval - 1e-9).all())
    assert (least - by_row).mean() <= (least - by_interval).mean()
    if name != "1_layer":
        assert (by_row > by_interval + 1e-6).any()


def test_the_first_deletion_set_is_none_and_the_whole_budget_is_tried() -> None:
    """The yardstick itself: some deletion reaches every node's budget where edges allow, and isolation occurs."""
    isolated = 0
    for seed in SEEDS:
        case = prepared("2_layers", seed)[0]
        lost = (~case.kept).long() @ incidence(case)
        assert not lost[0].any()
        assert bool((lost <= case.budget).all())
        degree = incidence(case).sum(0)
        isolated += int(((lost == degree) & (degree > 0)).any())
        assert len(torch.unique(case.kept, dim=0)) == len(case.kept)
    assert isolated > 0


def incidence(case: Case) -> Tensor:
    """[E, N]."""
    found = torch.zeros(case.pairs.shape[1], case.count, dtype=torch.int64)
    return found.scatter_(1, case.pairs.T, 1)
