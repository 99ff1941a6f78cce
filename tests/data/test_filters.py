"""Ratings, repeats and k-core against written-out definitions."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphcl.core.errors import UserError
from graphcl.data.filters import apply_filter, k_core, keep_ratings, merge_repeats
from graphcl.data.interactions import Ids
from graphcl.data.log import Log
from graphcl.data.report import Counts, DataReport

rows = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 3), st.integers(0, 2)), max_size=40)


def log_of(rows: list[tuple[int, ...]], *, time: bool = False, weight: bool = False, part: bool = False) -> Log:
    """Rows of (user, item, time or weight, part)."""
    values = np.array(rows, dtype=np.int64).reshape(-1, 4)
    return Log(
        values[:, 0].astype(np.int32),
        values[:, 1].astype(np.int32),
        Ids.of(list("abcde")),
        Ids.of(list("vwxyz")),
        weight=values[:, 2].astype(np.float32) + 1 if weight else None,
        time=values[:, 2] if time else None,
        part=values[:, 3].astype(np.int8) if part else None,
    )


@settings(max_examples=80, deadline=None)
@given(rows=rows, time=st.booleans(), part=st.booleans(), how=st.sampled_from(["keep", "last", "sum"]))
def test_repeats(rows: list[tuple[int, ...]], time: bool, part: bool, how: str) -> None:
    log = log_of(rows, time=time, part=part)
    merged = merge_repeats(log, how)
    kept: dict[tuple, int] = {}
    for place, (user, item, when, which) in enumerate(rows):
        key = (user, item, which if part else 0)
        if key not in kept or not time or when >= rows[kept[key]][2]:
            kept[key] = place
    expected = list(range(len(rows))) if how == "keep" else sorted(kept.values())
    assert merged.users.tolist() == [rows[place][0] for place in expected]
    assert merged.items.tolist() == [rows[place][1] for place in expected]
    if time:
        assert merged.time is not None
        assert merged.time.tolist() == [rows[place][2] for place in expected]
    if how == "sum":
        counts = Counter((user, item, which if part else 0) for user, item, _, which in rows)
        assert merged.weight is not None
        assert merged.weight.tolist() == [counts[rows[p][0], rows[p][1], rows[p][3] if part else 0] for p in expected]
    else:
        assert merged.weight is None


@settings(max_examples=40, deadline=None)
@given(rows=rows)
def test_summed_weights(rows: list[tuple[int, ...]]) -> None:
    merged = merge_repeats(log_of(rows, weight=True), "sum")
    totals: Counter = Counter()
    for user, item, weight, _ in rows:
        totals[user, item] += weight + 1
    assert {(u, i): w for u, i, w in zip(merged.users, merged.items, merged.weight, strict=True)} == totals


@settings(max_examples=80, deadline=None)
@given(rows=rows, user=st.integers(1, 4), item=st.integers(1, 4))
def test_k_core_is_the_largest_set_that_satisfies_both(rows: list[tuple[int, ...]], user: int, item: int) -> None:
    kept, rounds = k_core(log_of(rows), user, item)
    pairs = {(u, i) for u, i, *_ in rows}
    expected_rounds = 0
    while True:  # one bad pair at a time, until none is left
        users, items = Counter(u for u, _ in pairs), Counter(i for _, i in pairs)
        bad = {(u, i) for u, i in pairs if users[u] < user or items[i] < item}
        if not bad:
            break
        pairs -= bad
        expected_rounds += 1
    assert [(u, i) for u, i in zip(kept.users, kept.items, strict=True)] == [
        (u, i) for u, i, *_ in rows if (u, i) in pairs
    ]
    assert rounds == expected_rounds


def test_k_core_needs_several_rounds() -> None:
    chain = [(0, 0, 0, 0), (0, 1, 0, 0), (1, 1, 0, 0), (1, 2, 0, 0), (2, 2, 0, 0), (2, 3, 0, 0), (3, 3, 0, 0)]
    kept, rounds = k_core(log_of(chain), 2, 2)
    assert (len(kept), rounds) == (0, 4)


def test_k_core_counts_partners_not_repeats() -> None:
    assert len(k_core(log_of([(0, 0, 0, 0)] * 5), 2, 1)[0]) == 0


def test_ratings_are_compared_as_float32() -> None:
    log = Log(np.zeros(3, np.int32), np.arange(3, dtype=np.int32), Ids.of("a"), Ids.of("xyz"),
              rating=np.array([4.1, 4.0999, 5], np.float32))  # fmt: skip
    assert keep_ratings(log, 4.1).items.tolist() == [0, 2]


def test_counts_and_the_filter_that_emptied_the_log() -> None:
    log, report = log_of([(0, 0, 0, 0), (0, 1, 0, 0), (1, 1, 0, 0)]), DataReport()
    kept = apply_filter(log, "k_core=2", "lower it", lambda rows: rows.take(np.array([0, 1])), report)
    assert (report.steps[0].before, report.steps[0].after) == (Counts(3, 2, 2), Counts(2, 1, 2))
    assert str(report.steps[0]) == "k_core=2: 3 rows, 2 users, 2 items -> 2 rows, 1 user, 2 items"
    with pytest.raises(
        UserError, match=r"data.min_rating=9 leaves nothing: 2 rows, 1 user, 2 items -> 0 rows; lower it"
    ):
        apply_filter(kept, "min_rating=9", "lower it", lambda rows: rows.take(np.array([], dtype=int)), report)


def test_an_emptied_log_names_what_earlier_filters_had_taken() -> None:
    report = DataReport()
    log = apply_filter(log_of([(0, 0, 0, 0)] * 3), "repeats=last", "", lambda rows: merge_repeats(rows, "last"), report)
    with pytest.raises(UserError, match=r"lower it \(before it, data.repeats=last left 1 of 3 rows\)$"):
        apply_filter(log, "k_core=2", "lower it", lambda rows: k_core(rows, 2, 1)[0], report)
