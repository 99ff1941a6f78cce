"""Means, spreads and paired tests of the report, against hand-worked values."""

from __future__ import annotations

import pytest

from benchmarks import tables


def test_mean_and_sample_standard_deviation() -> None:
    assert tables.mean_sd([1.0, 2.0, 3.0], digits=2) == "2.00 ± 1.00"
    assert tables.mean_sd([0.5]) == "0.5000 (n = 1)"
    assert tables.mean_sd([]) == "not run"


def test_median() -> None:
    assert tables.median([3.0, 1.0, 2.0]) == 2.0
    assert tables.median([4.0, 1.0, 2.0, 3.0]) == 2.5
    assert tables.median([]) is None


def test_aims() -> None:
    assert tables.aim(2.0, 2.0) == "met"
    assert tables.aim(1.9, 2.0) == "missed"
    assert tables.aim(1.4, 1.3, least=False) == "missed"
    assert tables.aim(None, 1.3) == "not run"


def test_a_user_counts_once_however_many_seeds_there_are() -> None:
    ours, theirs = [0.5, 0.2, 0.9, 0.4], [0.4, 0.2, 0.7, 0.1]
    once = tables.paired([ours], [theirs])
    assert once == tables.paired([ours, ours, ours], [theirs, theirs, theirs])
    assert once is not None
    # differences .1, 0, .2, .3: mean .15, sd .1291, t = .15 / (.1291 / 2) = 2.324, 3 degrees of freedom
    assert once[0] == pytest.approx(0.15)
    assert once[1] == pytest.approx(0.1027, abs=1e-3)


def test_equal_sides_differ_by_nothing() -> None:
    assert tables.paired([[0.1, 0.2]], [[0.1, 0.2]]) == (0.0, 1.0)
    assert tables.paired([], [[0.1]]) is None


def test_table() -> None:
    assert tables.table(("a", "b"), [["x", "1"]]) == "| a | b |\n|---|---:|\n| x | 1 |"
