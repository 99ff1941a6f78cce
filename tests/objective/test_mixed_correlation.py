from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.objective.base import Rows
from graphcl.objective.regularizers.mixed_correlation import MixedCorrelation, draw_share, mixed_correlation
from graphcl.objective.terms.cross_correlation import cross_correlation
from tests.recipes.node_runs import losses

from .fake_flow import FakeFlow, picked, random


def standard(x: Tensor) -> Tensor:
    return (x - x.mean(0)) / x.std(0, correction=0)


def test_against_the_four_matrices_of_the_paper() -> None:
    m, x, y = (standard(random(9, 3, seed)) for seed in range(3))
    a, order = torch.tensor(0.3, dtype=torch.float64), torch.randperm(9, generator=torch.Generator().manual_seed(5))
    truth_x = (a * x.T @ x + 0.7 * y[order].T @ x) / 9
    truth_y = (a * x.T @ y + 0.7 * y[order].T @ y) / 9
    expected = (m.T @ x / 9 - truth_x).square().sum() + (m.T @ y / 9 - truth_y).square().sum()
    torch.testing.assert_close(mixed_correlation(m, x, y, a, order), expected)


def test_a_mixture_that_is_linear_costs_nothing_but_what_standardising_does() -> None:
    """At a share of 1 the mixture is the first view: no head, however it bends, can differ."""
    x, y, order = random(9, 3, 0), random(9, 3, 1), torch.arange(9).flip(0)
    one = torch.ones((), dtype=torch.float64)
    assert mixed_correlation(x.tanh(), x.tanh(), y.tanh(), one, order).item() == pytest.approx(0.0, abs=1e-12)
    half = one / 2
    mixed = half * x + half * y[order]
    assert mixed_correlation(mixed.tanh(), x.tanh(), y.tanh(), half, order).item() > 0.05


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_rows_cost_nothing(count: int) -> None:
    x = torch.ones(count, 3, requires_grad=True)
    value = mixed_correlation(x, x, x, torch.tensor(0.5), torch.arange(count))
    value.backward()
    assert value.item() == 0.0


@pytest.mark.parametrize("concentration", [1.0, 0.2, 20.0])
def test_shares_are_of_the_beta_distribution(concentration: float) -> None:
    generator = torch.Generator().manual_seed(0)
    drawn = torch.stack([draw_share(concentration, generator) for _ in range(4000)])
    assert float(drawn.mean()) == pytest.approx(0.5, abs=0.03)
    assert float(drawn.var()) == pytest.approx(1 / (4 * (2 * concentration + 1)), rel=0.1)


def test_the_head_is_the_recipes_own_with_the_parameters_of_the_step() -> None:
    head = torch.nn.Linear(3, 2, bias=False).double()
    x, y, other = random(6, 3, 0), random(6, 3, 1), random(2, 3, 2)
    term = MixedCorrelation("a", "b", head="proj", heads={"proj": head})
    assert not list(term.parameters())  # it is trained, and kept, as the head alone
    table = {"a": picked(x, [0, 3, 5]), "b": picked(y, [5, 0, 3])}

    def value(weight: Tensor) -> float:
        return float(term(FakeFlow(table, {"heads.proj.weight": weight}))[0].values)

    with torch.no_grad():
        own, moved = value(head.weight), value(other)
        head.weight.copy_(other)
        assert value(head.weight) == pytest.approx(moved) != own
    with pytest.raises(UserError, match="no head 'pro'; heads: proj"):
        MixedCorrelation("a", "b", head="pro", heads={"proj": head})
    flow = FakeFlow({"a": picked(x, [0, 4, 5]), "b": Rows(y[:5], None, torch.arange(5))})
    (group,) = MixedCorrelation("a", "b")(flow)
    assert group.left_out == 1


def trained_and_held_out(weight: float, seed: int) -> tuple[float, float]:
    """Cross-correlation loss of 24 rows that a perceptron was trained on in noisy views, and of 500 others."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    mixing = normal(4, 20)
    rows, others = normal(24, 4) @ mixing, normal(500, 4) @ mixing
    parameters = [normal(20, 64) / 20**0.5, torch.zeros(64), normal(64, 16) / 8]
    optimizer = torch.optim.Adam([p.requires_grad_() for p in parameters], lr=0.01)

    def net(x: Tensor) -> Tensor:
        return torch.relu(x @ parameters[0] + parameters[1]) @ parameters[2]

    def noisy(x: Tensor) -> Tensor:
        return x + 0.5 * normal(*x.shape)

    for _ in range(200):
        x, y = noisy(rows), noisy(rows)
        a, order = draw_share(1.0, generator), torch.randperm(24, generator=generator)
        loss = cross_correlation(net(x), net(y))
        loss = loss + weight / 16 * mixed_correlation(net(a * x + (1 - a) * y[order]), net(x), net(y), a, order)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        seen, unseen = (float(cross_correlation(net(noisy(x)), net(noisy(x)))) for x in (rows, others))
    return seen, unseen


@pytest.mark.parametrize("seed", [0, 1])
def test_the_loss_of_rows_it_was_not_trained_on_is_nearer_to_that_of_those_it_was(seed: int) -> None:
    seen, unseen = trained_and_held_out(0.0, seed)
    seen_mixed, unseen_mixed = trained_and_held_out(4.0, seed)
    assert unseen > 2 * seen  # overfitted
    assert unseen_mixed - seen_mixed < 0.8 * (unseen - seen)


def test_each_switch_of_the_recipe_changes_the_loss() -> None:
    small = ("encoder.dim=8", "heads.proj.hidden=8", "train.lr=0.05", "train.warmup_epochs=0")
    changes = ("", "regularizers.mixed_correlation.head=", "regularizers.mixed_correlation.concentration=0.2")
    assert len({tuple(losses("mixed_barlow", *small, *change.split())) for change in changes}) == 3
