"""Protocols, each against its definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphcl.core.errors import UserError
from graphcl.data.interactions import Ids
from graphcl.data.log import TEST, TRAIN, VALID, Log
from graphcl.data.splits import Files, Split, assign_parts

events = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 30)), min_size=1, max_size=60)


def log_of(events: list[tuple[int, int]], part: list[int] | None = None) -> Log:
    """Events of (user, time); every item is new."""
    users = np.array([user for user, _ in events], dtype=np.int32)
    items = np.arange(len(events), dtype=np.int32)
    return Log(
        users, items, Ids.of([str(i) for i in range(6)]), Ids.of([str(i) for i in range(len(events))]),
        time=np.array([time for _, time in events]), part=None if part is None else np.array(part, dtype=np.int8),
    )  # fmt: skip


def sizes(part: np.ndarray) -> tuple[int, int, int]:
    return tuple(int((part == p).sum()) for p in (TRAIN, VALID, TEST))


@settings(max_examples=60, deadline=None)
@given(events=events, seed=st.integers(0, 3), valid=st.sampled_from([0.1, 0.25]))
def test_random_takes_its_share_of_each_user(events: list[tuple[int, int]], seed: int, valid: float) -> None:
    log = log_of(events)
    split = Split("random", [1 - valid - 0.3, valid, 0.3])
    part = assign_parts(log, split, seed).part
    for user in set(log.users.tolist()):
        n = int((log.users == user).sum())
        train, held_valid, held_test = sizes(part[log.users == user])
        assert train >= 1
        for share, held in ((valid, held_valid), (0.3, held_test)):
            assert math.floor(round(share * n, 9)) <= held + (train == 1)
            assert held <= math.ceil(round(share * n, 9))
    np.testing.assert_array_equal(part, assign_parts(log, split, seed).part)


def test_random_depends_on_the_seed_and_takes_no_side() -> None:
    log = log_of([(0, t) for t in range(1000)])
    first, second = (assign_parts(log, Split("random"), seed).part for seed in (0, 1))
    assert (first != second).any()
    assert sizes(first) == sizes(second) == (800, 100, 100)
    assert 350 < np.flatnonzero(first == TEST).mean() < 650  # not the last rows


def test_users_of_few_rows_are_tested_in_proportion() -> None:
    log = log_of([(u, t) for u in range(1000) for t in range(4)])
    train, valid, test = sizes(assign_parts(log, Split("random"), 0).part)
    assert 340 < valid < 460
    assert 340 < test < 460
    assert train + valid + test == 4000


def test_random_over_all_rows() -> None:
    log = log_of([(u % 6, 0) for u in range(50)])
    part = assign_parts(log, Split("random", [0.5, 0.3, 0.2], per_user=False), 0).part
    assert sizes(part) == (25, 15, 10)


@settings(max_examples=60, deadline=None)
@given(events=events, valid=st.sampled_from(["", "none"]))
def test_leave_one_out(events: list[tuple[int, int]], valid: str) -> None:
    log = log_of(events)
    part = assign_parts(log, Split("leave_one_out", valid=valid), 0).part
    for user in set(log.users.tolist()):
        ordered = sorted((time, place) for place, (u, time) in enumerate(events) if u == user)
        expected = [TRAIN] * len(ordered)
        if len(ordered) >= 2:
            expected[-1] = TEST
        if len(ordered) >= 3 and valid != "none":
            expected[-2] = VALID
        assert [part[place] for _, place in ordered] == expected


@settings(max_examples=60, deadline=None)
@given(events=events)
def test_temporal_user_holds_out_the_last(events: list[tuple[int, int]]) -> None:
    log = log_of(events)
    part = assign_parts(log, Split("temporal_user", [0.5, 0.25, 0.25]), 0).part
    for user in set(log.users.tolist()):
        ordered = [part[place] for _, place in sorted((t, p) for p, (u, t) in enumerate(events) if u == user)]
        assert ordered == sorted(ordered)
        n = len(ordered)
        assert ordered.count(TRAIN) >= 1
        if n > 1:
            assert n // 4 <= ordered.count(TEST) <= -(-n // 4)
            assert ordered.count(VALID) <= -(-n // 4)


@settings(max_examples=60, deadline=None)
@given(events=events)
def test_temporal_never_parts_one_moment(events: list[tuple[int, int]]) -> None:
    log = log_of(events)
    parts = assign_parts(log, Split("temporal", [0.6, 0.2, 0.2]), 0)
    first, second = parts.facts["cuts"]
    expected = [TEST if t >= second else VALID if t >= first else TRAIN for _, t in events]
    assert parts.part.tolist() == expected
    ordered = sorted(t for _, t in events)
    assert sum(t < first for t in ordered) <= 0.6 * len(ordered) + 1e-6


def test_temporal_cuts_as_dates() -> None:
    log = log_of([(0, 0), (0, 86400), (0, 2 * 86400), (1, 3 * 86400)])
    parts = assign_parts(log, Split("temporal", cuts=["1970-01-02", "1970-01-03"]), 0)
    assert parts.part.tolist() == [TRAIN, VALID, TEST, TEST]
    parts = assign_parts(log, Split("temporal", cuts=[2 * 86400], valid="none"), 0)
    assert parts.part.tolist() == [TRAIN, TRAIN, TEST, TEST]
    with pytest.raises(UserError, match=r"'soon' is neither a timestamp nor a date"):
        Split("temporal", cuts=["soon", 5])
    with pytest.raises(UserError, match=r"validation must begin before test"):
        Split("temporal", cuts=[5, 1])


def test_given_is_carved_out_of_train_alone() -> None:
    part = [TRAIN] * 40 + [TEST] * 10
    log = log_of([(i % 2, i) for i in range(50)], part)
    for valid in ("", "carve", "refit"):
        parts = assign_parts(log, Split("given", valid=valid), 0)
        assert parts.valid == "carve"
        assert sizes(parts.part) == (36, 4, 10)
        assert (parts.part[40:] == TEST).all()
    parts = assign_parts(log, Split("given", valid="none"), 0)
    assert (parts.valid, parts.part.tolist()) == ("none", part)
    assert log.part is not None
    assert log.part.tolist() == part  # the log itself is not written to


def test_given_validation_is_used() -> None:
    log = log_of([(0, i) for i in range(30)], [TRAIN] * 20 + [VALID] * 5 + [TEST] * 5)
    assert assign_parts(log, Split("given"), 0).valid == "own"
    assert assign_parts(log, Split("given", valid="refit"), 0).valid == "own"
    with pytest.raises(UserError, match=r"valid=carve, but there is a validation file"):
        assign_parts(log, Split("given", valid="carve"), 0)


def test_carving_a_temporal_split_takes_the_last() -> None:
    log = log_of([(0, t) for t in range(100)])
    for by in ("temporal", "temporal_user"):
        parts = assign_parts(log, Split(by, [0.8, 0, 0.2]), 0)
        assert parts.valid == "carve"
        assert parts.part.tolist() == [TRAIN] * 72 + [VALID] * 8 + [TEST] * 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ratios": [0.8, 0.1]}, "must be shares"),
        ({"ratios": [0.8, 0.1, 0.2]}, "must be shares"),
        ({"ratios": [0, 0.5, 0.5]}, "must be shares"),
        ({"by": "random", "cuts": [1, 2]}, "data.split.cuts is for data.split.by=temporal"),
        ({"by": "temporal", "cuts": [1, 2, 3]}, "takes the beginning"),
        ({"by": "random", "files": Files("a", "", "b")}, "data.split.files=null"),
        ({"by": "random", "valid": "carve"}, "has a validation part of its own"),
        ({"by": "random", "valid": "none"}, "contradicts a validation share"),
        ({"by": "given", "files": Files("a", "v", "b"), "valid": "carve"}, "has a validation part of its own"),
    ],
)
def test_contradictions(options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Split(**options)


def test_time_is_required() -> None:
    log = Log(np.zeros(2, np.int32), np.arange(2, dtype=np.int32), Ids.of("a"), Ids.of("xy"))
    with pytest.raises(UserError, match=r"data.split.by=temporal needs the order of events: set data.time"):
        assign_parts(log, Split("temporal"), 0)
