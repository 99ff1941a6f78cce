from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphcl.data.telemetry import Column
from graphcl.rca import scoring


def by_all_orders(scores: dict[str, float], causes: set[str], k: int, *, any_of: bool) -> float:
    """The definition: sort stably after every order of the names."""
    hits = []
    for order in itertools.permutations(scores):
        top = set(sorted(order, key=lambda name: -scores[name])[:k])
        hits.append(float(bool(top & causes)) if any_of else len(top & causes) / min(k, len(causes)))
    return float(np.mean(hits))


@given(
    values=st.lists(st.integers(0, 2), min_size=1, max_size=5),
    causes=st.sets(st.sampled_from("abcdeX"), min_size=1, max_size=3),
    k=st.integers(1, 5),
)
def test_expected_accuracy_over_ties_is_the_mean_over_all_orders(values: list[int], causes: set[str], k: int) -> None:
    scores = {name: float(value) for name, value in zip("abcde", values, strict=False)}
    assert scoring.accuracy_at(scores, causes, k) == pytest.approx(by_all_orders(scores, causes, k, any_of=False))
    assert scoring.any_at(scores, causes, k) == pytest.approx(by_all_orders(scores, causes, k, any_of=True))


def test_services_rank_by_their_best_metric_and_merged_columns_count_for_all() -> None:
    columns = [Column("a", "cpu", "a_cpu", same=(Column("b", "cpu", "b_cpu"),)), Column("a", "mem", "a_mem"),
               Column("c", "cpu", "c_cpu"), Column("d", "cpu", "d_cpu")]  # fmt: skip
    scores = np.array([1.0, 3.0, 2.0, np.nan])
    assert scoring.service_scores(scores, columns) == {"a": 3.0, "b": 1.0, "c": 2.0}


def test_averages_and_chance() -> None:
    hits = [scoring.chance(10, k) for k in range(1, 6)]
    assert scoring.averages(hits) == pytest.approx({"ac@1": 0.1, "ac@3": 0.3, "ac@5": 0.5, "avg@5": 0.3})
    assert scoring.chance(3, 5) == 1.0


def test_the_bootstrap_draws_groups_not_cases() -> None:
    values = [1.0] * 10 + [0.0] * 10
    mean, low, high = scoring.bootstrap(values, ["x"] * 10 + ["y"] * 10)
    assert (mean, low, high) == (0.5, 0.0, 1.0)
    alone = scoring.bootstrap(values, range(20))
    assert 0.2 < alone[1] < 0.5 < alone[2] < 0.8
    assert scoring.bootstrap([0.3] * 4, "abca")[1:] == pytest.approx((0.3, 0.3))
