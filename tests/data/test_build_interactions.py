"""What leaves the data layer: no pair in two parts, cold ids told apart, a hash that means the split."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphcl.core.errors import UserError
from graphcl.data.build import build_interactions, split_hash
from graphcl.data.interactions import Ids, Interactions, Pairs
from graphcl.data.log import Log
from graphcl.data.report import DataReport
from graphcl.data.splits import Split

PROTOCOLS = [
    Split("random"), Split("random", [0.5, 0.2, 0.3], per_user=False), Split("leave_one_out"), Split("temporal"),
    Split("temporal_user", [0.6, 0.2, 0.2]), Split("random", valid="refit"),
]  # fmt: skip


def log_of(users: list[int], items: list[int], part: list[int] | None = None, time: list[int] | None = None) -> Log:
    num_users, num_items = max(users) + 1, max(items) + 1
    return Log(
        np.array(users, np.int32), np.array(items, np.int32),
        Ids.of([f"u{i}" for i in range(num_users)]), Ids.of([f"i{i}" for i in range(num_items)]),
        part=None if part is None else np.array(part, np.int8), time=None if time is None else np.array(time),
    ).compact()  # fmt: skip


def keys(data: Interactions, pairs: Pairs) -> set[tuple[str, str]]:
    return set(zip(data.users.values[pairs.users], data.items.values[pairs.items], strict=True))


@pytest.mark.parametrize("split", PROTOCOLS, ids=lambda split: f"{split.by}-{split.valid}-{split.per_user}")
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 100))
def test_a_held_out_pair_is_never_in_train(split: Split, seed: int) -> None:
    random = np.random.default_rng(seed)  # repeats on purpose: they are what leaks
    log = log_of(random.integers(0, 8, 300).tolist(), random.integers(0, 120, 300).tolist(), time=list(range(300)))
    data = build_interactions(log, split, seed=seed, report=DataReport())
    train, valid, test = (keys(data, p) for p in (data.train, data.held_out.valid, data.held_out.test))
    assert not train & test
    assert not train & valid
    assert not valid & test
    assert len(valid) == len(data.held_out.valid)  # each held-out pair once
    assert len(test) == len(data.held_out.test)
    matrix = data.train.csr(len(data.users), len(data.items)).toarray()
    assert all(matrix[p.users, p.items].sum() == 0 for p in (data.held_out.valid, data.held_out.test))


@pytest.mark.parametrize(
    "consumer",
    [
        lambda data: data.train.csr(len(data.users), len(data.items)).toarray()[data.users.index_of(["planted"])[0]],
        lambda data: np.bincount(data.train.items, minlength=len(data.items)),
    ],
    ids=["adjacency", "popularity"],
)
def test_planted_leak(consumer: Callable[[Interactions], np.ndarray]) -> None:
    """A pair that only the test file has: whatever is made of train does not know it."""
    users = [0, 0, 1, 1, 2, 2, 3]
    items = [0, 1, 0, 1, 0, 1, 2]
    log = log_of(users, items, part=[0, 0, 0, 0, 0, 0, 2])
    log.user_ids.values[3] = "planted"
    data = build_interactions(log, Split("given", valid="none"), seed=0, report=DataReport())
    assert keys(data, data.held_out.test) == {("planted", "i2")}
    assert consumer(data)[data.items.index_of(["i2"])[0]] == 0
    assert data.cold_items.tolist() == [False, False, True]
    assert data.cold_users.tolist() == [False, False, False, True]


def test_leaks_of_given_files_are_removed_and_counted() -> None:
    report = DataReport()
    log = log_of([0, 0, 1, 0, 1, 1, 0, 1, 0], [0, 1, 2, 0, 4, 5, 1, 4, 6], part=[0, 0, 0, 1, 1, 1, 2, 2, 2])
    data = build_interactions(log, Split("given"), seed=0, report=report)
    assert keys(data, data.train) == {("u0", "i0"), ("u0", "i1"), ("u1", "i2")}
    assert keys(data, data.held_out.test) == {("u1", "i4"), ("u0", "i6")}
    assert keys(data, data.held_out.valid) == {("u1", "i5")}
    assert report.split["leaked"] == {"valid": 2, "test": 1}
    assert "test: 1 row with a pair of train, removed from test" in report.notes
    assert "valid: 2 rows with a pair of train or test, removed from valid" in report.notes
    assert report.split["sizes"] == {"train": 3, "valid": 1, "test": 2}
    assert report.split["cold"]["test"] == {"rows": 2, "users": 0, "items": 2}
    assert any("test: 2 rows with a user (0) or item (2) that train has never seen" in note for note in report.notes)


def test_protocol_is_said() -> None:
    log = log_of([i % 3 for i in range(60)], list(range(60)), part=[0] * 50 + [2] * 10)
    for valid, said in (("", "no validation was given"), ("refit", "once more"), ("none", "nothing may be chosen")):
        report = DataReport()
        data = build_interactions(log, Split("given", valid=valid), seed=0, report=report)  # type: ignore[arg-type]
        assert any(said in note for note in report.notes)
        assert report.split["valid"] == {"": "carve"}.get(valid, valid)
        assert data.wants_refit == (valid == "refit")


def test_refit_gives_validation_to_train_and_leaves_test() -> None:
    log = log_of([i % 3 for i in range(60)], list(range(60)), part=[0] * 50 + [2] * 10)
    data = build_interactions(log, Split("given", valid="refit"), seed=0, report=DataReport())
    whole = data.refit()
    assert keys(whole, whole.train) == keys(data, data.train) | keys(data, data.held_out.valid)
    assert len(whole.train) == 50
    assert len(whole.held_out.valid) == 0
    assert keys(whole, whole.held_out.test) == keys(data, data.held_out.test)
    assert len(data.train) < 50  # the first is as it was


@settings(max_examples=20, deadline=None)
@given(order=st.permutations(range(12)))
def test_hash_means_the_pairs_not_their_order(order: list[int]) -> None:
    users, items = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2], [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 4]
    part = [0, 0, 1, 2] * 3

    def hashed(rows: list[int], part: list[int] = part) -> str:
        log = log_of([users[r] for r in rows], [items[r] for r in rows], part=[part[r] for r in rows])
        rename = np.array([f"u{u}" for u in dict.fromkeys(users[r] for r in rows)], dtype=object)
        assert set(rename) == set(log.user_ids.values)
        return split_hash(build_interactions(log, Split("given"), seed=0, report=DataReport()))

    assert hashed(order) == hashed(list(range(12)))
    assert hashed(order, part=[0, 0, 2, 1] + [0, 0, 1, 2] * 2) != hashed(order)


def test_hash_survives_alignment() -> None:
    log = log_of([i % 3 for i in range(30)], list(range(30)))
    data = build_interactions(log, Split("random"), seed=0, report=DataReport())
    aligned = data.align(Ids.of(["old", "u2", "u0"]), Ids.of(["i7", "gone"]))
    assert split_hash(aligned) == split_hash(data) == data.report.split_hash


@pytest.mark.parametrize(
    ("log", "split", "message"),
    [
        (log_of([0] * 20, list(range(20))), Split(), r"1 user, 20 items: too few; at least two users"),
        (log_of(list(range(20)), [0] * 20), Split(), r"20 users, 1 item: too few"),
        (log_of([0, 1, 2], [0, 1, 0]), Split("random"), r"leaves nothing for test and valid .*one row of each user"),
        (log_of([0, 0, 1, 1], [0, 1, 0, 1], time=[5] * 4), Split("temporal"), r"leaves nothing for train and valid"),
        (log_of([0, 1], [0, 1], part=[0, 2]), Split("given"), r"leaves nothing for valid"),
        (log_of([0, 1, 0], [0, 1, 0], part=[0, 0, 2]), Split("given", valid="none"), r"leaves nothing for test"),
    ],
)
def test_parts_without_rows(log: Log, split: Split, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build_interactions(log, split, seed=0, report=DataReport(source="log.csv"))
