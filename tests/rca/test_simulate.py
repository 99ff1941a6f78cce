"""Made-up telemetry: its own laws, and that the cause is found in it."""

from __future__ import annotations

import pytest

from graphcl.core.errors import UserError
from graphcl.rca import analyse
from graphcl.rca.simulate import FAULTS, LAG, simulate


@pytest.mark.parametrize("fault", [*FAULTS, "none"])
def test_a_seed_decides_everything_and_a_fault_changes_nothing_before_it(fault: str) -> None:
    one, again, other = simulate(fault, seed=3), simulate(fault, seed=3), simulate(fault, seed=4)
    assert one.frame.equals(again.frame)
    assert not one.frame.equals(other.frame)
    healthy = simulate("none", seed=3, missing=0.0).frame
    ill = simulate(fault, seed=3, missing=0.0)
    assert ill.frame[:780].equals(healthy[:780])
    assert ill.frame.equals(healthy) == (fault == "none")
    assert ill.frame["time"].diff().dropna().eq(1).all()


def test_a_delay_reaches_its_callers_with_a_lag_and_nobody_else() -> None:
    found = simulate("delay", seed=0, missing=0.0)
    callers = [name for name, called in found.calls.items() if found.service in called]
    table = found.frame
    caller = callers[0]
    before, after = table[f"{caller}_latency"][700:780], table[f"{caller}_latency"][780 + LAG : 860]
    assert after.min() > before.max()
    assert table[f"{caller}_latency"][780 : 780 + LAG].max() <= before.max() * 1.1
    called = found.calls[found.service]
    for name in called:
        assert table[f"{name}_latency"][780:].mean() == pytest.approx(table[f"{name}_latency"][:780].mean(), rel=0.05)


def test_what_is_lost_and_what_resets() -> None:
    table = simulate("none", seed=1, missing=0.02).frame.drop(columns="time")
    assert 0.01 < table.isna().to_numpy().mean() < 0.05
    gaps = table.isna().astype(int).rolling(15).sum().eq(15).any()
    assert len({str(name).partition("_")[0] for name in gaps[gaps].index}) == 1
    counters = table[[name for name in table if str(name).endswith("cpu-seconds")]]
    falls = counters.apply(lambda column: (column.dropna().diff() < 0).sum())
    assert sorted(falls.tolist())[-2:] == [0, 1]
    whole = simulate("dead pod", seed=1, missing=0.0)
    dead = whole.frame[[name for name in whole.frame if str(name).startswith(f"{whole.service}_")]]
    assert dead[780:].isna().all(axis=None)
    assert not dead[:780].isna().any(axis=None)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("seed", [1, 3])
def test_the_cause_is_first_at_one_second(fault: str, seed: int) -> None:
    found = simulate(fault, seed=seed, services=6, rows=600, begins=540)
    known = analyse(found.frame, anomaly_time=found.anomaly_time)
    assert found.service in [one.service for one in known.services[:2]]
    detected = analyse(found.frame)
    assert detected.anomaly_time == pytest.approx(found.anomaly_time, abs=60)
    assert found.service in [one.service for one in detected.services[:2]]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_fault_is_no_anomaly_in_spite_of_gaps_and_restarts(seed: int) -> None:
    assert analyse(simulate("none", seed=seed).frame).anomaly_time is None


def test_what_cannot_be_made_up() -> None:
    with pytest.raises(UserError, match="nearest: 'delay'"):
        simulate("delays")
    with pytest.raises(UserError, match="a fault at row 20 of 900"):
        simulate(begins=20)
