from __future__ import annotations

import numpy as np
import pytest

from graphcl.rca.detect import evidence, find_anomaly, looked_at


def quiet(kind: str, metrics: int, rows: int = 400, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    noise = {"normal": draw.standard_normal, "heavy": lambda size: draw.standard_t(3, size), "rises": draw.exponential}
    values = noise[kind](size=(rows, metrics)) if kind != "slow" else draw.standard_normal((rows, metrics))
    if kind == "slow":
        for row in range(1, rows):
            values[row] += 0.9 * values[row - 1]
    return np.asarray(values)


@pytest.mark.parametrize("kind", ["normal", "heavy", "rises", "slow"])
@pytest.mark.parametrize("metrics", [1, 8, 100])
def test_nothing_is_found_where_nothing_is(kind: str, metrics: int) -> None:
    assert [find_anomaly(quiet(kind, metrics, seed=seed)) for seed in range(5)] == [None] * 5


@pytest.mark.parametrize("kind", ["normal", "heavy", "rises", "slow"])
@pytest.mark.parametrize(("start", "stop"), [(300, 400), (395, 400), (300, 320)])
def test_a_step_of_some_metrics_is_found_where_it_begins(kind: str, start: int, stop: int) -> None:
    values = quiet(kind, 20)
    values[start:stop, 3:8] += 30 * values[:start].std()
    values[start:stop, 9] -= 30 * values[:start].std()
    found = find_anomaly(values)
    assert found is not None
    assert found.row == start
    assert found.evidence > found.needed


def test_in_a_long_table_a_few_of_many_metrics_are_enough() -> None:
    values = quiet("heavy", 200, rows=3000)
    assert find_anomaly(values) is None
    values[2500:2600, 3:6] += 60
    assert find_anomaly(values).row == 2500  # type: ignore[union-attr]


def test_units_offsets_and_missing_values_change_nothing() -> None:
    values = quiet("normal", 20)
    values[350:, :4] += 15
    scaled = values * 10.0 ** np.arange(-9, 11)
    scaled[np.random.default_rng(1).random(values.shape) < 0.05] = np.nan
    assert find_anomaly(scaled).row == 350  # type: ignore[union-attr]


def test_a_constant_that_moves_is_found() -> None:
    values = quiet("normal", 5)
    values[:, 2] = 100.0
    values[390:, 2] = 60.0
    assert find_anomaly(values).row == 390  # type: ignore[union-attr]


def test_a_single_row_is_no_anomaly() -> None:
    values = quiet("normal", 20)
    values[300] += 40
    assert find_anomaly(values) is None


def test_a_slow_rise_is_found_on_its_way() -> None:
    values = quiet("normal", 20)
    values[300:, :6] += 0.4 * np.arange(100)[:, None]
    assert 300 < find_anomaly(values).row < 340  # type: ignore[union-attr]


@pytest.mark.parametrize("rows", [0, 3, 12])
def test_too_few_rows_say_nothing(rows: int) -> None:
    assert find_anomaly(np.ones((rows, 2))) is None if rows else not evidence(np.ones((rows, 2))).any()


def test_metrics_that_stop_reporting_are_an_anomaly_and_a_gap_of_all_is_none() -> None:
    values = quiet("normal", 12)
    dead, gap = values.copy(), values.copy()
    dead[300:, 4:6] = np.nan
    gap[300:320] = np.nan
    assert find_anomaly(dead).row == 300  # type: ignore[union-attr]
    assert find_anomaly(gap) is None


def test_errors_where_none_were_and_a_sample_that_is_missing_date_it_right() -> None:
    values = quiet("normal", 30)
    values[:, 3:6] = 0.0
    values[300:, 3:6] = np.random.default_rng(1).poisson(9, (100, 3)) + 1
    assert find_anomaly(values).row == 300  # type: ignore[union-attr]
    values = quiet("normal", 20)
    values[300:, :2] += 60
    values[[306, 310], :2] = np.nan
    assert find_anomaly(values).row == 300  # type: ignore[union-attr]


def test_rows_that_are_known_to_be_normal_hold_no_anomaly_and_those_after_them_may() -> None:
    values = quiet("normal", 20)
    values[200:210, :6] += 40
    values[390:, :6] += 80
    assert find_anomaly(values[:380]).row == 200  # type: ignore[union-attr]
    assert find_anomaly(values, 220).row == 390  # type: ignore[union-attr]
    late = quiet("normal", 20)
    late[60:, :6] += 40  # within the first quarter
    assert find_anomaly(late) is None
    assert find_anomaly(late, 60).row == 60  # type: ignore[union-attr]
    assert looked_at(400, 60)[0] == 60
