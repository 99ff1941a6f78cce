"""The mixture against loops and planted components; the curve that it hands on."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import beta as scipy_beta
from torch import Tensor

from graphcl.objective.base import Rows
from graphcl.objective.states.beta_mixture import (
    EPS,
    BetaMixture,
    BetaMixtureState,
    fit_beta_mixture,
    hardness_curve,
    sampled_cosines,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def planted(share: float = 0.8, count: int = 20_000, seed: int = 0) -> Tensor:
    """Beta(4, 16), mean .2, and Beta(18, 4), mean .82."""
    draw = torch.distributions.Beta
    torch.manual_seed(seed)
    first = draw(torch.tensor(4.0), torch.tensor(16.0)).sample((round(share * count),))
    second = draw(torch.tensor(18.0), torch.tensor(4.0)).sample((round((1 - share) * count),))
    return torch.cat([first, second])


def slow_fit(values: list[float], first_weight: float, n_iter: int) -> tuple[list[float], list[float], list[float]]:
    """EM written out."""
    values = [min(max(v, EPS), 1 - EPS) for v in values]
    alpha, beta, weight = [1.0, 2.0], [2.0, 1.0], [first_weight, 1 - first_weight]
    for _ in range(n_iter):
        shares = []
        for v in values:
            density = [weight[k] * scipy_beta.pdf(v, alpha[k], beta[k]) for k in (0, 1)]
            shares.append([d / sum(density) for d in density])
        for k in (0, 1):
            total = sum(s[k] for s in shares)
            mean = sum(s[k] * v for s, v in zip(shares, values, strict=True)) / total
            variance = sum(s[k] * (v - mean) ** 2 for s, v in zip(shares, values, strict=True)) / total
            alpha[k] = mean * (mean * (1 - mean) / variance - 1)
            beta[k] = alpha[k] * (1 - mean) / mean
            weight[k] = total / len(values)
    return alpha, beta, weight


def close(mixture: BetaMixture, alpha: list[float], beta: list[float], weight: list[float], rel: float) -> None:
    for found, expected in zip(mixture, (alpha, beta, weight), strict=True):
        assert found.tolist() == pytest.approx(expected, rel=rel)


@pytest.mark.parametrize("n_iter", [1, 10])
def test_em_is_that_of_the_loops(n_iter: int) -> None:
    values = planted(count=60)
    mixture = fit_beta_mixture(values, first_weight=0.9, n_iter=n_iter)
    close(mixture, *slow_fit(values.double().tolist(), 0.9, n_iter), rel=1e-6)


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_planted_components_are_found(share: float) -> None:
    mixture = fit_beta_mixture(planted(share), n_iter=50)
    close(mixture, [4, 18], [16, 4], [share, 1 - share], rel=0.15)
    means = mixture.alpha / (mixture.alpha + mixture.beta)
    assert means.tolist() == pytest.approx([0.2, 18 / 22], abs=0.01)
    posterior = mixture.posterior(torch.tensor([0.15, 0.9]).double())
    assert float(posterior[0, 0]) > 0.99
    assert float(posterior[1, 1]) > 0.9


def test_the_posterior_is_that_of_the_densities() -> None:
    mixture = BetaMixture(*(torch.tensor(v).double() for v in ([2.0, 5.0], [6.0, 1.5], [0.7, 0.3])))
    for x in (0.05, 0.3, 0.8):
        parts = [w * scipy_beta.pdf(x, a, b) for a, b, w in zip(*(p.tolist() for p in mixture), strict=True)]
        found = mixture.posterior(torch.tensor([x]).double())[0].tolist()
        assert found == pytest.approx([part / sum(parts) for part in parts])


def test_the_first_component_is_the_one_of_the_smaller_mean() -> None:
    mixture = fit_beta_mixture(1 - planted(0.95), n_iter=50)  # most are similar: the components change places
    assert bool((mixture.alpha / (mixture.alpha + mixture.beta)).diff() > 0)
    assert mixture.weight.tolist() == pytest.approx([0.05, 0.95], abs=0.02)


@pytest.mark.parametrize("values", [[], [0.5], [0.5] * 30, [0.0, 1.0], [1.0] * 5])
def test_degenerate_values_give_finite_components(values: list[float]) -> None:
    mixture = fit_beta_mixture(torch.tensor(values))
    assert all(bool(part.isfinite().all()) for part in mixture)
    assert float(mixture.weight.sum()) == pytest.approx(1.0)
    assert bool(hardness_curve(mixture).isfinite().all())


def test_the_curve_is_hardness_times_the_probability_of_a_true_negative() -> None:
    mixture = fit_beta_mixture(planted())
    curve = hardness_curve(mixture, 5)
    s = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0]).double()
    assert curve[:, 0].tolist() == [-1.0, -0.5, 0.0, 0.5, 1.0]
    torch.testing.assert_close(curve[:, 1], (mixture.posterior(s)[:, 0] * s).float())
    whole = hardness_curve(mixture)[:, 1]
    assert 200 < int(whole.argmax()) < 800  # hard, but not so hard that it is probably false
    assert float(whole[-1]) < 0.01


class TestPairs:
    def test_no_partners_and_each_pair_of_the_two_sides(self) -> None:
        x, y = torch.eye(4), torch.eye(4)  # cosine 1 of partners only
        rows = [Rows(side, None, torch.arange(4)) for side in (x, y)]
        found = sampled_cosines(*rows, 5000, generator=seeded())
        assert found.tolist() == [0.0] * len(found)
        assert len(found) / 5000 == pytest.approx(0.75, abs=0.03)
        shifted = Rows(y, None, torch.tensor([1, 2, 3, 0]))
        found = sampled_cosines(rows[0], shifted, 5000, generator=seeded())
        assert float(found.mean()) == pytest.approx(1 / 3, abs=0.03)

    def test_cosines_are_those_of_the_rows(self) -> None:
        x, y = (torch.randn(6, 3, generator=seeded(seed)) for seed in (1, 2))
        others = [(i, j) for i in range(6) for j in range(6) if i != j]
        table = {round(float(torch.cosine_similarity(x[i], y[j], dim=0)), 5) for i, j in others}
        found = sampled_cosines(Rows(x), Rows(y), 2000, generator=seeded())
        assert {round(v, 5) for v in found.tolist()} == table

    @pytest.mark.parametrize(("n", "m"), [(0, 3), (3, 0), (1, 1)])
    def test_without_a_pair_nothing_is_found_and_nothing_changes(self, n: int, m: int) -> None:
        sides = [Rows(torch.ones(count, 2), None, torch.arange(count)) for count in (n, m)]
        assert sampled_cosines(*sides, 10, generator=seeded()).shape == (0,)
        state = BetaMixtureState("a.nodes", "b.nodes")
        state.update(dict(zip("xy", sides, strict=True)), generator=seeded())
        assert len(state.curve) == 0


def test_it_is_fitted_once_or_every_so_many_epochs() -> None:
    once = BetaMixtureState("a.nodes", "b.nodes", start=3)
    assert [epoch for epoch in range(12) if once.due(epoch, 0)] == [3]
    again = BetaMixtureState("a.nodes", "b.nodes", start=3, every=4)
    assert [epoch for epoch in range(12) if again.due(epoch, 0)] == [3, 7, 11]


def test_its_fields_follow_the_fit() -> None:
    x = torch.randn(300, 4, generator=seeded(1))
    y = x + 0.5 * torch.randn(300, 4, generator=seeded(2))
    state = BetaMixtureState("a.nodes", "b.nodes", pairs=2000)
    rows = {"x": Rows(x, None, torch.arange(300)), "y": Rows(y, None, torch.arange(300))}
    state.update(rows, generator=seeded())
    cosines = sampled_cosines(*rows.values(), 2000, generator=seeded())
    expected = fit_beta_mixture((cosines + 1) / 2)
    torch.testing.assert_close(state.alpha, expected.alpha.float())
    torch.testing.assert_close(state.curve, hardness_curve(expected))
    assert math.isclose(float(state.weight.sum()), 1.0, rel_tol=1e-6)
