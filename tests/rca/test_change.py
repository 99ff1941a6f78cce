from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphcl.rca import change

SCORES = [change.n_sigma, change.robust_scorer, change.energy_distance, change.deviation]


def parts(seed: int = 0, metrics: int = 6) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    normal, anomalous = draw.normal(10, 1, (60, metrics)), draw.normal(10, 1, (8, metrics))
    anomalous[3:, 0] += 7
    anomalous[:, 1] -= 12
    return normal, anomalous


def test_n_sigma_and_robust_scorer_by_hand() -> None:
    normal, anomalous = np.array([[0.0], [1], [2], [3], [4]]), np.array([[5.0], [-6]])
    assert change.n_sigma(normal, anomalous)[0] == pytest.approx((5 - 2) / np.sqrt(2))
    assert change.n_sigma(normal, anomalous, absolute=True)[0] == pytest.approx(8 / np.sqrt(2))
    assert change.robust_scorer(normal, anomalous)[0] == pytest.approx(3 / 2)
    assert change.robust_scorer(normal, anomalous, absolute=True)[0] == pytest.approx(4)


def test_energy_distance_by_loops() -> None:
    normal, anomalous = parts()
    x, y = normal[:, 0] / normal[:, 0].std(), anomalous[:, 0] / normal[:, 0].std()

    def mean(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.mean([abs(p - q) for p in a for q in b]))

    assert change.energy_distance(normal, anomalous)[0] == pytest.approx(2 * mean(x, y) - mean(x, x) - mean(y, y))


def test_deviation_by_hand() -> None:
    normal = np.array([[0.0], [1], [2], [3], [4]] * 4)
    assert change.deviation(normal, np.array([[5.0], [2]]))[0] == pytest.approx((5 - 36 / 19) / ((4 - 36 / 19) / 3))
    fall = change.deviation(normal, np.array([[-6.0], [2]]))[0]
    assert fall == pytest.approx(change.FALL * (6 + 36 / 19) / ((4 - 36 / 19) / 3))


@given(seed=st.integers(0, 50), power=st.integers(-9, 9))
@pytest.mark.parametrize("score", SCORES)
def test_the_ranking_ignores_units_and_the_order_of_columns(score: object, seed: int, power: int) -> None:
    normal, anomalous = parts(seed)
    normal[:, 4] = 5.0
    factor = np.ones(6)
    factor[seed % 6] = 10.0**power
    order = np.random.default_rng(seed).permutation(6)
    plain = score(normal, anomalous)  # type: ignore[operator]
    if score is change.robust_scorer:
        factor[4] = 1.0
    other = score((normal * factor)[:, order], (anomalous * factor)[:, order])  # type: ignore[operator]
    np.testing.assert_allclose(other, plain[order], rtol=1e-6)


def test_published_scores_leave_out_what_is_constant_in_either_part() -> None:
    normal, anomalous = parts()
    normal[:, 2] = 0.1 + 0.2  # whose deviation is not exactly 0
    anomalous[:, 3] = 9.0
    for score in SCORES[:3]:
        found = score(normal, anomalous)
        assert np.isnan(found[[2, 3]]).all()
        assert np.isfinite(found[[0, 1, 4, 5]]).all()


@pytest.mark.parametrize(("level", "after", "least"), [(100.0, 72.0, 100), (0.0, 3.0, 5), (1e9, 1.3e9, 100)])
def test_a_metric_that_was_constant_and_moves_is_evidence(level: float, after: float, least: float) -> None:
    normal, anomalous = parts()
    normal[:, 5] = level
    anomalous[:, 5] = level
    anomalous[4:6, 5] = after
    assert change.deviation(normal, anomalous)[5] >= least
    still = anomalous.copy()
    still[:, 5] = level
    assert np.isnan(change.deviation(normal, still)[5])


def test_a_metric_that_stops_reporting_or_falls_flat_to_zero_is_evidence() -> None:
    normal, anomalous = parts(metrics=4)
    anomalous[:, 2] = np.nan
    anomalous[:, 3] = 0.0
    score = change.deviation(normal, anomalous)
    assert score[2] == pytest.approx(change.GONE)
    assert score[3] > 5
    gaps = normal.copy()
    gaps[::2, 2] = np.nan
    anomalous[::2, 2] = 10.0
    assert change.deviation(gaps, anomalous)[2] < 5  # it always had gaps


def test_a_metric_that_rarely_moves_and_stands_still_is_not_judged() -> None:
    normal, anomalous = parts()
    normal[:, 2] = np.repeat([3.0, 3.5, 3.2], 20)
    anomalous[:, 2] = 4.5
    assert np.isnan(change.deviation(normal, anomalous)[2])
    anomalous[4:, 2] = 6.0
    assert change.deviation(normal, anomalous)[2] > 5


def test_the_last_normal_rows_may_already_be_ill() -> None:
    normal, anomalous = parts()
    before = change.deviation(normal, anomalous)[0]
    normal[-3:, 0] += 7
    assert change.deviation(normal, anomalous)[0] == pytest.approx(before)
    assert change.n_sigma(normal, anomalous)[0] < 0.6 * before


def test_missing_values_change_nothing_of_the_others() -> None:
    normal, anomalous = parts()
    holes = normal.copy()
    holes[5:9, 0] = np.nan
    for score in SCORES:
        np.testing.assert_array_equal(score(holes, anomalous)[1:], score(normal, anomalous)[1:])
        assert np.isfinite(score(holes, anomalous)[0])


def test_longest_run() -> None:
    assert change.longest_run(np.array([1, 2, 2, 2, 1, 1])) == 3
    assert change.longest_run(np.array([1.0])) == 1


def test_a_service_that_is_gone_counts_more_than_a_metric_that_is() -> None:
    normal, anomalous = np.ones((40, 6)), np.ones((6, 6))
    anomalous[:, [0, 1, 2]] = np.nan  # all of a, one of b
    scores = np.full(6, 100.0)
    services = ["a", "a", "b", "b", "c", "c"]
    assert change.with_dead(scores, normal, anomalous, services).tolist() == [1000.0, 1000.0, *[100.0] * 4]
    anomalous[:] = np.nan  # the recorder is gone
    assert change.with_dead(scores, normal, anomalous, services).tolist() == scores.tolist()


def test_a_single_row_of_an_anomaly_is_judged() -> None:
    draw = np.random.default_rng(0)
    normal, anomalous = draw.normal(size=(100, 3)), np.array([[0.1, 40.0, -30.0]])
    scores = change.deviation(normal, anomalous)
    assert scores[1] > scores[2] > 10 > scores[0]


def test_a_constant_that_moves_to_another_is_judged_though_samples_are_missing() -> None:
    normal, anomalous = np.full((60, 2), 4.0), np.full((6, 2), 4.0)
    anomalous[:, 0] = 2.0
    anomalous[2] = np.nan
    scores = change.deviation(normal, anomalous)
    assert scores[0] > 100
    assert np.isnan(scores[1])


def test_other_scalings_by_hand() -> None:
    normal = np.array([[0.0, 7.0, 0.0], [1, 7, 0], [2, 7, 0], [3, 7, 0], [4, 7, 0]] * 4)
    anomalous = np.array([[8.0, 7.7, 0.0], [2, 7, 3]])
    found = {
        unit: change.deviation(normal, anomalous, change.Scaling(unit, level=0.01, fall=1.0, guard=0.0))  # type: ignore[arg-type]
        for unit in ("largest", "quantile", "sd", "iqr")
    }
    assert [found[unit][0] for unit in found] == pytest.approx([6 / (2 / 3), 6 / (2 / 3), 6 / np.sqrt(2), 6 / 2])
    assert all(score[1:] == pytest.approx([10, change.FROM_ZERO]) for score in found.values())
    dropped = change.deviation(normal, anomalous, change.Scaling(level=0.0))
    assert np.isnan(dropped[1:]).all()
    assert change.deviation(normal, -anomalous, change.Scaling(fall=0.0))[0] == 0.0
