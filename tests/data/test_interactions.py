"""Ids, pairs, alignment for retraining."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphcl.data.interactions import HeldOut, Ids, Interactions, Pairs

names = st.lists(st.text(max_size=3), unique=True, max_size=8)


@given(known=names, asked=st.lists(st.text(max_size=3), max_size=8))
def test_index_of(known: list[str], asked: list[str]) -> None:
    assert Ids.of(known).index_of(asked).tolist() == [known.index(a) if a in known else -1 for a in asked]


def test_index_of_takes_numbers_for_their_digits() -> None:
    assert Ids.of(["12", "007"]).index_of([12, "007", 7]).tolist() == [0, 1, -1]  # type: ignore[list-item]


def test_pairs() -> None:
    pairs = Pairs(np.array([0, 1, 0]), np.array([2, 0, 2]), np.array([1, 2, 3], np.float32), np.array([7, 8, 9]))
    matrix = pairs.csr(2, 3)
    assert matrix.dtype == np.float32
    assert matrix.toarray().tolist() == [[0, 0, 4], [2, 0, 0]]
    assert Pairs(pairs.users, pairs.items).csr(2, 3).toarray().tolist() == [[0, 0, 2], [1, 0, 0]]
    assert pairs.take(np.array([False, True, False])).time.tolist() == [8]  # type: ignore[union-attr]
    joined = pairs.join(Pairs(pairs.users, pairs.items, time=pairs.time))
    assert (len(joined), joined.weight) == (6, None)
    with pytest.raises(ValueError, match="3 users but 2 values of 'items'"):
        Pairs(np.zeros(3), np.zeros(2))


@given(old=names, new=names.filter(len), data=st.data())
def test_align(old: list[str], new: list[str], data: st.DataObject) -> None:
    rows = np.array(data.draw(st.lists(st.integers(0, len(new) - 1), max_size=6)), dtype=np.int64)
    pairs = Pairs(rows, rows)
    names = np.array([f"name of {item}" for item in new], dtype=object)
    before = Interactions(Ids.of(new), Ids.of(new), pairs, HeldOut(pairs, pairs), names)
    after = before.align(Ids.of(old), Ids.of(old))
    assert list(after.users.values) == old + [i for i in new if i not in old]
    for moved in (after.train, after.held_out.valid, after.held_out.test):
        assert list(after.users.values[moved.users]) == [new[row] for row in rows]
        assert list(after.items.values[moved.items]) == [new[row] for row in rows]
    assert after.item_names is not None
    assert list(after.item_names) == [f"name of {i}" if i in new else "" for i in after.items.values]
    assert after.cold_items.tolist() == [i not in {new[row] for row in rows} for i in after.items.values]
