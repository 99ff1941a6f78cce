"""Columns as arrays."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphcl.core.errors import UserError
from graphcl.data.values import MISSING, Vocabulary, as_number, as_text, as_time

words = st.text(st.characters(exclude_categories=("Cs",)), max_size=4)


@settings(max_examples=60, deadline=None)
@given(chunks=st.lists(st.lists(words | st.none(), max_size=6), max_size=4))
def test_codes_spell_the_values(chunks: list[list[str | None]]) -> None:
    vocabulary = Vocabulary()
    codes = [vocabulary.encode(pa.array(chunk, pa.string())) for chunk in chunks]
    ids = vocabulary.ids().values
    for chunk, code in zip(chunks, codes, strict=True):
        assert [None if c < 0 else ids[c] for c in code] == [None if v is None or v in MISSING else v for v in chunk]
    seen = list(dict.fromkeys(v for chunk in chunks for v in chunk if v is not None and v not in MISSING))
    assert list(ids) == seen  # first appearance


def test_ids_keep_their_spelling() -> None:
    assert as_text(pa.array(["007", "12", " x"])).to_pylist() == ["007", "12", " x"]
    assert as_text(pa.array([12, None])).to_pylist() == ["12", None]
    assert as_text(pa.array([12.0, None, float("nan")])).to_pylist() == ["12", None, None]
    assert as_text(pa.array(["a", "b", "a"]).dictionary_encode()).to_pylist() == ["a", "b", "a"]
    assert as_text(pa.array([2**60 + 1])).to_pylist() == [str(2**60 + 1)]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pa.array([1.5]), "holds fractions"),
        (pa.array([True]), "the column's type is bool"),
        (pa.array([[1]]), "the column's type is list"),
        (pa.array([dt.datetime(2024, 1, 1)]), "the column's type is timestamp"),
    ],
)
def test_what_cannot_be_an_id(values: pa.Array, message: str) -> None:
    with pytest.raises(UserError, match=message):
        as_text(values)


@pytest.mark.parametrize("values", [["1", " 2.5 ", "", "-1e3", "inf"], [1.0, 2.5, None, -1e3, float("inf")]])
def test_numbers(values: list) -> None:
    number, wrong = as_number(pa.array(values))
    np.testing.assert_array_equal(number, [1, 2.5, np.nan, -1000, np.inf])
    assert not wrong.any()


def test_no_numbers() -> None:
    number, wrong = as_number(pa.array(["1", "abc", "nan", "2"]))
    np.testing.assert_array_equal(number, [1, np.nan, np.nan, 2])
    assert wrong.tolist() == [False, True, False, False]


def test_whole_times_are_exact() -> None:
    nanoseconds = 1_700_000_000_123_456_789
    for values in ([str(nanoseconds), "1"], [nanoseconds, 1]):
        time, wrong, dates = as_time(pa.array(values))
        assert time.dtype == np.int64
        assert time.tolist() == [nanoseconds, 1]
        assert (wrong.any(), dates) == (False, False)


def test_times_with_fractions_or_gaps() -> None:
    time, wrong, _ = as_time(pa.array(["1.5", "", "2"]))
    np.testing.assert_array_equal(time, [1.5, np.nan, 2])
    assert not wrong.any()


@pytest.mark.parametrize(
    "values",
    [
        ["1970-01-02", "1970-01-01T00:00:01Z", "1970-01-01 01:00:00+01:00", ""],
        [dt.datetime(1970, 1, 2), dt.datetime(1970, 1, 1, 0, 0, 1), dt.datetime(1970, 1, 1), None],
    ],
)
def test_dates_are_seconds(values: list) -> None:
    time, wrong, dates = as_time(pa.array(values))
    np.testing.assert_array_equal(time, [86400, 1, 0, np.nan])
    assert dates
    assert not wrong.any()


def test_no_times() -> None:
    assert as_time(pa.array(["1", "soon"]))[1].tolist() == [False, True]
    assert as_time(pa.array(["2024-01-01", "soon"]))[1].tolist() == [False, True]
