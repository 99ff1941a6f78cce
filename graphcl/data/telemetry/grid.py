"""Samples of metrics, each at its own times, brought to one regular grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphcl.core.errors import UserError
from graphcl.core.words import counted

#: Above this a gap of days between two recordings is more likely than a long one.
MOST_CELLS = 100_000_000

#: One metric's samples: [n] seconds, ascending, and [n] values, none missing.
Samples = tuple[np.ndarray, np.ndarray]


def on_grid(
    samples: Sequence[Samples], seam: float | None = None
) -> tuple[np.ndarray, np.ndarray, float, tuple[int, ...], list[str]]:
    """Time [T], values [T, C] with NaN where nothing was measured, the period, breaks, and what is to be said.

    The period is what the fastest tenth of the metrics have as their median step. Samples within one period are
    averaged. A slower metric keeps its last value for as long as its own period; a longer gap stays empty.

    Args:
        samples: Of each metric.
        seam: Time of the first row before which time jumps, which makes a break; nothing is kept across it.

    Raises:
        UserError: fewer than two moments, or a grid of more than :data:`MOST_CELLS` cells.
    """
    times = np.unique(np.concatenate([time for time, _ in samples]))
    if len(times) < 2:
        raise UserError(f"the table holds {counted(len(times), 'moment')}; a series of them is needed")
    own = np.array([np.median(np.diff(time)) if len(time) > 2 else np.nan for time, _ in samples])
    own[~(own > 0)] = np.nan  # many samples of one moment
    ordered = np.argsort(own)[: int(np.isfinite(own).sum())]
    period = period_of(samples[ordered[int(0.1 * (len(ordered) - 1))]][0] if len(ordered) else times)
    rows = round((times[-1] - times[0]) / period) + 1
    if rows * len(samples) > MOST_CELLS:
        raise UserError(
            f"{counted(rows, 'row')} of {period:g} s from the first time to the last for {counted(len(times), 'time')} "
            "in the table: is a part of another day in it? Give the normal part on its own (--normal)"
        )
    values = np.full((rows, len(samples)), np.nan)
    for index, (time, value) in enumerate(samples):
        cell = np.rint((time - times[0]) / period).astype(np.int64)
        count = np.bincount(cell, minlength=rows)
        filled = count > 0
        values[filled, index] = np.bincount(cell, value, minlength=rows)[filled] / count[filled]
    slower = np.flatnonzero(np.nan_to_num(own) > 1.5 * period)
    breaks = () if seam is None else (round((seam - times[0]) / period),)
    for index in slower.tolist():
        most = int(np.ceil(own[index] / period - 0.5)) - 1
        parts = np.split(values[:, index], breaks)
        values[:, index] = np.concatenate([held(part[:, None], most)[:, 0] for part in parts])
    notes = _notes(times, values, period, own, slower)
    return times[0] + period * np.arange(rows), values, period, breaks, notes


def period_of(time: np.ndarray) -> float:
    """The period of times that may lie beside their grid and have gaps.

    The median step says how many periods each step is; the period is then what these steps are long in the mean, a
    whole number of seconds if that is as good.

    Args:
        time: [n] ascending, not all equal.
    """
    steps = np.diff(time)
    steps = steps[steps > 0]
    many = np.maximum(np.rint(steps / np.median(steps)), 1)
    period = float(steps.sum() / many.sum())
    whole = round(period)
    return float(whole) if whole and abs(period - whole) * many.sum() < 0.5 * period else period


def held(values: np.ndarray, most: int) -> np.ndarray:
    """[T, C] whose gaps are filled with the value before, for up to ``most`` rows."""
    place = np.arange(len(values))[:, None]
    last = np.maximum.accumulate(np.where(np.isfinite(values), place, -1), axis=0)
    near = (last >= 0) & (place - last <= most)
    return np.where(near, np.take_along_axis(values, np.maximum(last, 0), axis=0), np.nan)


def _notes(times: np.ndarray, values: np.ndarray, period: float, own: np.ndarray, slower: np.ndarray) -> list[str]:
    notes = [f"{counted(len(values), 'row')} of {period:g} s"]
    steps = np.diff(times)
    if len(times) == len(values) and np.abs(steps - period).max() > 0.01 * period:
        notes.append(f"times lie up to {np.abs(steps - period).max():.3g} s off the grid")
    elif len(times) > len(values):
        notes.append(f"{counted(len(times), 'time')} rounded to the grid; samples of one period are averaged")
    if len(slower):
        found = sorted({f"{own[index]:g} s" for index in slower})
        periods = ", ".join(found[:3])
        notes.append(f"{counted(len(slower), 'metric')} sampled less often ({periods}): the last value is kept")
    empty = np.isnan(values)
    if gone := int(empty.all(axis=1).sum()):
        notes.append(f"{counted(gone, 'row')} without any value (gaps)")
    if share := float(empty.mean()):
        notes.append(f"{share:.1%} of the values are missing")
    return notes
