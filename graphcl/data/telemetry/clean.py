"""Columns as they should be compared: counters as rates, equal columns as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from graphcl.core.words import counted
from graphcl.data.telemetry.base import Column

#: A counter has at least this many values, rises in at least this share of its steps, and falls at most this often.
_LEAST_VALUES, _RISES, _FALLS = 20, 0.6, 0.02


def _steps(column: np.ndarray, breaks: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """[2, n] rows of each known value and of the one before it, within an unbroken stretch; [n] the increases."""
    place = np.flatnonzero(np.isfinite(column))
    stretch = np.searchsorted(np.asarray(breaks, dtype=np.int64), place, side="right")
    pairs = np.stack([place[1:], place[:-1]])[:, stretch[1:] == stretch[:-1]]
    return pairs, column[pairs[0]] - column[pairs[1]]


def is_counter(column: np.ndarray, breaks: Sequence[int] = ()) -> bool:
    """Whether a metric only ever adds up: it rises in most steps and falls only to start again near zero.

    Args:
        column: [T] with NaN.
        breaks: Rows before which time jumps.
    """
    (after, before), steps = _steps(column, breaks)
    if len(steps) + 1 < _LEAST_VALUES or np.nanmin(column) < 0:
        return False
    falls = steps < 0
    if falls.sum() > max(1, _FALLS * len(steps)) or (steps > 0).mean() < _RISES:
        return False
    typical = float(np.quantile(steps[steps > 0], 0.9))
    return bool((column[after[falls]] <= np.minimum(0.5 * column[before[falls]], 10 * typical)).all())


def as_rate(column: np.ndarray, period: float, breaks: Sequence[int] = ()) -> np.ndarray:
    """Increase per second since the value before; after a reset, since zero.

    Across a gap it is the mean rate; a first value, which has none before it, is missing.

    Args:
        column: [T] with NaN.
        period: Seconds between two rows.
        breaks: Rows before which time jumps: what was counted until then says nothing of what follows.
    """
    rate = np.full(len(column), np.nan)
    (after, before), steps = _steps(column, breaks)
    rate[after] = np.where(steps < 0, column[after], steps) / ((after - before) * period)
    return rate


def rates(
    values: np.ndarray, columns: Sequence[Column], period: float, breaks: Sequence[int] = ()
) -> tuple[np.ndarray, list[str]]:
    """The table with its counters turned into rates, and a sentence that names them."""
    found = [index for index in range(values.shape[1]) if is_counter(values[:, index], breaks)]
    if not found:
        return values, []
    values = values.copy()
    resets = 0
    for index in found:
        resets += int((_steps(values[:, index], breaks)[1] < 0).sum())
        values[:, index] = as_rate(values[:, index], period, breaks)
    names = ", ".join(columns[index].name for index in found[:3]) + (", ..." if len(found) > 3 else "")
    again = f" ({counted(resets, 'reset')})" if resets else ""
    return values, [f"{counted(len(found), 'counter')} turned into increase per second{again}: {names}"]


def merge_equal(values: np.ndarray, columns: Sequence[Column]) -> tuple[np.ndarray, list[Column], list[str]]:
    """One column for each group of equal ones; constants say nothing and are left as they are."""
    groups: dict[bytes, list[int]] = {}
    for index in range(values.shape[1]):
        column = values[:, index]
        known = column[np.isfinite(column)]
        constant = len(known) == 0 or np.ptp(known) == 0
        key = str(index).encode() if constant else (column + 0.0).tobytes()  # -0.0 is 0.0
        groups.setdefault(key, []).append(index)
    kept = [group[0] for group in groups.values()]
    merged = [
        replace(columns[first], same=tuple(columns[index] for index in others)) for first, *others in groups.values()
    ]
    several = [column for column in merged if column.same]
    if not several:
        return values, list(columns), []
    example = " = ".join(column.name for column in (several[0], *several[0].same[:2]))
    note = f"{counted(sum(len(c.same) for c in several), 'column')} equal to another, reported as one group: {example}"
    return values[:, kept], merged, [note]
