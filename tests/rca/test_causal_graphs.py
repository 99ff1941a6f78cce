from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import f as f_distribution

from graphcl.rca.granger import granger_p_values
from graphcl.rca.pc import orient, partial_correlation, pc_edges, skeleton


def chain(rows: int = 1500, seed: int = 0) -> np.ndarray:
    """0 drives 1 a step later, 1 drives 2; 3 is alone."""
    draw = np.random.default_rng(seed)
    x = draw.standard_normal((rows, 4))
    for t in range(1, rows):
        x[t, 1] += 0.8 * x[t - 1, 0]
        x[t, 2] += 0.8 * x[t - 1, 1]
    return x


def test_granger_by_two_regressions() -> None:
    x = chain(120)
    lags, cause, effect = 3, 0, 1

    def rest(names: list[int]) -> float:
        past = [x[lags - lag : len(x) - lag, name] for name in names for lag in range(1, lags + 1)]
        design = np.column_stack([np.ones(len(x) - lags), *past])
        fit = np.linalg.lstsq(design, x[lags:, effect], rcond=None)[0]
        return float(((x[lags:, effect] - design @ fit) ** 2).sum())

    restricted, full = rest([effect]), rest([effect, cause])
    free = len(x) - lags - 2 * lags - 1
    expected = f_distribution.sf((restricted - full) / lags / (full / free), lags, free)
    assert granger_p_values(x)[cause, effect] == pytest.approx(expected, rel=1e-6)


def test_granger_finds_a_chain_and_ignores_units_and_constants() -> None:
    x = np.column_stack([chain() * [1, 1e9, 1e-9, 1], np.full(1500, 3.0)])
    p = granger_p_values(x)
    assert p[0, 1] < 1e-10
    assert p[1, 2] < 1e-10
    assert p[1, 0] > 1e-3
    assert p[3, 0] > 1e-3
    assert (p[4] == 1).all()
    assert (p[:, 4] == 1).all()
    assert (np.diag(p) == 1).all()


def test_granger_with_copies_and_with_too_few_rows() -> None:
    x = chain(200)
    assert np.isfinite(granger_p_values(np.column_stack([x, x[:, 0]]))).all()
    assert (granger_p_values(x[:7]) == 1).all()


def test_partial_correlation_by_residuals() -> None:
    x = chain(300)
    held = np.column_stack([np.ones(300), x[:, [1, 3]]])
    rest = [x[:, i] - held @ np.linalg.lstsq(held, x[:, i], rcond=None)[0] for i in (0, 2)]
    expected = abs(np.corrcoef(*rest)[0, 1])
    assert partial_correlation(np.corrcoef(x.T), 0, 2, (1, 3)) == pytest.approx(expected)


def test_pc_finds_a_collider_and_separates_what_a_third_explains() -> None:
    draw = np.random.default_rng(0)
    a, b, e, f = draw.standard_normal((4, 3000))
    c = a + b + 0.5 * e
    d = c + 0.5 * f
    edges = {(cause, effect) for cause, effect, _ in pc_edges(np.column_stack([a, b, c, d]))}
    assert edges == {(0, 2), (1, 2), (2, 3)}


def test_pc_copes_with_copies_constants_and_one_series() -> None:
    x = chain(200)
    edges = pc_edges(np.column_stack([x, x[:, 0], np.ones(200)]))
    assert not any(5 in edge[:2] for edge in edges)
    assert pc_edges(np.ones((50, 3))) == []
    assert pc_edges(x[:, :1]) == []


def test_the_skeleton_does_not_depend_on_the_order() -> None:
    draw = np.random.default_rng(3)
    x = draw.standard_normal((200, 7)) @ draw.standard_normal((7, 7))
    order = draw.permutation(7)
    plain = skeleton(np.corrcoef(x.T), 200, 0.05)[0] > 0
    moved = skeleton(np.corrcoef(x[:, order].T), 200, 0.05)[0] > 0
    np.testing.assert_array_equal(moved, plain[np.ix_(order, order)])


def test_orientation_never_adds_or_loses_a_pair() -> None:
    draw = np.random.default_rng(0)
    for _ in range(20):
        adjacent = np.triu(draw.random((6, 6)) < 0.5, 1)
        adjacent = adjacent | adjacent.T
        pairs = [frozenset(pair) for pair in combinations(range(6), 2) if not adjacent[tuple(pair)]]
        points = orient(adjacent, {pair: set() for pair in pairs})
        np.testing.assert_array_equal(points | points.T, adjacent)
