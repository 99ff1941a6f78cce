"""Sets of pairs as sorted int64 keys. ``numpy.unique`` and ``numpy.isin`` hash since numpy 2.3, which is many times
slower on the arrays met here (10^6 keys and more) than sorting."""

from __future__ import annotations

import numpy as np


def distinct(keys: np.ndarray) -> np.ndarray:
    """The different keys, sorted."""
    ordered = np.sort(keys)
    first = np.ones(len(ordered), dtype=bool)
    first[1:] = ordered[1:] != ordered[:-1]
    return ordered[first]


def first_rows(keys: np.ndarray) -> np.ndarray:
    """The row in which each key occurs first, in the order of the rows."""
    order = np.argsort(keys, kind="stable")
    first = np.ones(len(keys), dtype=bool)
    first[1:] = keys[order][1:] != keys[order][:-1]
    return np.sort(order[first])


def contains(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """bool [wanted]: whether each is one of the keys."""
    ordered = np.sort(keys)
    place = np.searchsorted(ordered, wanted)
    found = place < len(ordered)
    found[found] = ordered[place[found]] == wanted[found]
    return found
