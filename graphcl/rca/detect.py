"""When an anomaly began: the first row of the stretch in which most metrics leave all that they were before, or None.

A row is compared with all rows before it (but the last few, so that a slow rise is not compared with itself). A metric
speaks there by how far it lies beyond the largest deviation that it had until then, provided that it stays there for
most of the next rows. New records of this kind become rare as a table goes on, whatever the distribution of a metric;
an anomaly is a row at which they add up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphcl.data.telemetry.grid import held
from graphcl.rca.change import FROM_ZERO, LEVEL, SEEN

#: Rows of which a metric must be outside in most.
WINDOW = 3
#: Rows that are compared with nothing: a quarter of the table, at least so many.
LEAST_BEFORE = 10
#: The share of the rows before that is left out.
GUARD = 0.05
#: Evidence that an anomaly needs: so much, and so much times the root of the number of metrics.
LEAST, LEAST_EACH = 1.75, 0.4
#: Before row EARLY it needs more; after row LATE less for each metric, since chance records become rare.
EARLY, LATE = 48, 192
#: A metric speaks at most as if it were so many units outside.
MOST = 20.0
#: A silence that ends is a gap of the recorder unless it lasts for this share of the rows before.
GAP = 0.1


@dataclass(frozen=True)
class Found:
    """An anomaly.

    Attributes:
        row: The first row of it.
        evidence: What the metrics say there, at the clearest row.
        needed: What had to be reached.
    """

    row: int
    evidence: float
    needed: float


def looked_at(rows: int, earliest: int = 0) -> range:
    """The rows of a table at which an anomaly can be found: those with enough rows before and after.

    Args:
        rows: Of the table.
        earliest: Rows before this one are normal; 0 where nothing is known of them.
    """
    return range(max(LEAST_BEFORE, earliest or rows // 4), rows - WINDOW + 1)


def find_anomaly(values: np.ndarray, earliest: int = 0) -> Found | None:
    """The clearest anomaly of a table, or None when there is none.

    Args:
        values: [T, C] on a regular grid, NaN where missing.
        earliest: Rows before this one are normal; 0 where nothing is known of them.
    """
    said = evidence(values, earliest)
    rows, metrics = values.shape
    place = np.maximum(np.arange(rows), 1)
    each = LEAST_EACH * np.sqrt(metrics * np.minimum(1.0, LATE / place))
    needed = (LEAST + each) * np.maximum(1.0, EARLY / place)
    peak = int(np.argmax(said / needed))
    if said[peak] < needed[peak]:
        return None
    first = peak
    for row in range(peak - 1, -1, -1):
        if first - row > WINDOW:
            break
        if said[row] >= needed[row]:
            first = row
    return Found(first, float(said[peak]), float(needed[peak]))


def evidence(values: np.ndarray, earliest: int = 0) -> np.ndarray:
    """[T] how much the metrics leave, from each row on, all that they were before; 0 outside of :func:`looked_at`.

    A metric that misses a sample or two is taken to stay where it was.

    Args:
        values: [T, C] on a regular grid, NaN where missing.
        earliest: See :func:`find_anomaly`.
    """
    rows = len(values)
    said = np.zeros(rows)
    at = np.array(looked_at(rows, earliest))
    if not len(at):
        return said
    kept = held(values, WINDOW - 1)
    before = np.maximum(at - 1 - (GUARD * at).astype(int), 0)
    center, unit = _until(values)
    center, unit = center[before], unit[before]
    ahead = np.stack([kept[at + step] for step in range(WINDOW)])
    with np.errstate(invalid="ignore"):
        z = (ahead - center) / unit
        z = np.where(np.isnan(unit) & (center == 0), FROM_ZERO * np.sign(ahead), z)  # errors where none were
        stays = np.sort(np.where(np.isnan(z), 0.0, z), axis=0)[WINDOW // 2]
        now = np.where(np.isnan(z[0]), 0.0, z[0])
        outside = np.where(stays * now > 0, np.minimum(np.abs(stays), np.abs(now)), 0.0) - SEEN
    outside = np.where(_silent(values)[at], MOST, outside)
    said[at] = np.log1p(np.clip(outside, 0, MOST)).sum(axis=1)
    return said


def _silent(values: np.ndarray) -> np.ndarray:
    """[T, C] whether a metric stops reporting at a row: for good, or for :data:`GAP`, which never was before.

    Rows at which most metrics are missing are the recorder's fault and say nothing.
    """
    missing = np.isnan(values)
    rows = np.arange(len(values))[:, None]
    back = np.minimum.accumulate(np.where(missing, len(values), rows)[::-1], axis=0)[::-1]  # next row with a value
    lasting = np.where(back == len(values), back - rows >= WINDOW, back - rows >= np.maximum(WINDOW, GAP * rows))
    first = missing & lasting & (np.cumsum(missing & lasting, axis=0) == 1) & ~missing[0]
    return first & (missing.mean(axis=1, keepdims=True) < 0.5)


def _until(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[T, C] mean of the rows up to each, and a third of the largest deviation from it; NaN before the first value."""
    known = np.isfinite(values)
    count = np.cumsum(known, axis=0)
    center = np.cumsum(np.where(known, values, 0.0), axis=0) / np.where(count > 0, count, np.nan)
    highest, lowest = np.fmax.accumulate(values, axis=0), np.fmin.accumulate(values, axis=0)
    constant = highest <= lowest
    unit = np.where(constant, 10 * LEVEL * np.abs(center), np.fmax(highest - center, center - lowest) / SEEN)
    return center, np.where(unit > 0, unit, np.nan)
