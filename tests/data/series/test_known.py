from __future__ import annotations

import numpy as np
import pytest

from graphcl.core.errors import UserError
from graphcl.data.series.known import generate_lorenz, generate_var, off_diagonal_auroc


def test_a_var_has_the_causes_that_it_states_and_no_others() -> None:
    """Least squares on many rows finds the coefficients: equal at every lag, 0 where there is no edge."""
    known = generate_var(6, 20_000, lag=2, sparsity=0.5, seed=3)
    assert known.values.shape == (20_000, 6)
    assert known.truth.sum(1).tolist() == [3] * 6
    assert known.truth.diagonal().all()
    past = np.concatenate([known.values[1:-1], known.values[:-2]], axis=1)
    found = np.linalg.lstsq(past, known.values[2:], rcond=None)[0].T
    for lag in (found[:, :6], found[:, 6:]):
        size = lag[known.truth].mean()
        np.testing.assert_allclose(lag, known.truth * size, atol=0.05)
        assert size > 0.1


def test_a_var_is_stationary_and_its_noise_is_as_said() -> None:
    small, large = (generate_var(10, 2000, noise=noise, seed=1).values for noise in (0.1, 0.2))
    np.testing.assert_allclose(large, 2 * small)
    assert np.isfinite(small).all()
    assert small[1000:].std() < 3 * small[:1000].std()


def test_lorenz_follows_its_equation() -> None:
    """Without noise and with a small step, differences are the slope."""
    known = generate_lorenz(6, 50, force=8.0, step=1e-4, noise=0.0, seed=2, burn_in=30_000)
    x = known.values[:-1]
    slope = (np.roll(x, -1, 1) - np.roll(x, 2, 1)) * np.roll(x, 1, 1) - x + 8.0
    np.testing.assert_allclose(np.diff(known.values, axis=0) / 1e-4, slope, rtol=0.02, atol=0.05)
    assert np.flatnonzero(known.truth[2]).tolist() == [0, 1, 2, 3]
    assert known.truth.sum(1).tolist() == [4] * 6


@pytest.mark.parametrize("generate", [generate_var, generate_lorenz])
def test_the_seed_decides(generate: object) -> None:
    first, again, other = (generate(6, 30, seed=seed).values for seed in (0, 0, 1))  # type: ignore[operator]
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


def test_auroc_by_counting_pairs() -> None:
    draw = np.random.default_rng(0)
    scores, truth = draw.integers(0, 4, (6, 6)), draw.random((6, 6)) < 0.4
    apart = ~np.eye(6, dtype=bool)
    ups, downs = scores[apart & truth], scores[apart & ~truth]
    wins = [(up > down) + 0.5 * (up == down) for up in ups for down in downs]
    assert off_diagonal_auroc(scores, truth) == pytest.approx(np.mean(wins))


def test_auroc_refuses_what_has_none() -> None:
    with pytest.raises(UserError, match="two equal squares"):
        off_diagonal_auroc(np.zeros((2, 2)), np.zeros((3, 3)))
    with pytest.raises(UserError, match="with and without an edge"):
        off_diagonal_auroc(np.zeros((2, 2)), np.eye(2))
