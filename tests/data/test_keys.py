"""Sets of keys, against Python's."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from graphcl.data.keys import contains, distinct, first_rows

keys = st.lists(st.integers(-3, 12), max_size=20)


@given(a=keys, b=keys)
def test_against_sets(a: list[int], b: list[int]) -> None:
    left, right = np.array(a, dtype=np.int64), np.array(b, dtype=np.int64)
    assert distinct(left).tolist() == sorted(set(a))
    assert contains(left, right).tolist() == [key in set(a) for key in b]
    assert first_rows(left).tolist() == [row for row, key in enumerate(a) if key not in a[:row]]
