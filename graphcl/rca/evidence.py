"""What is to be seen of a metric: since when it deviates, and how, in words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphcl.rca.change import GUARD, SEEN, standardised


@dataclass(frozen=True)
class Sign:
    """How one metric deviates.

    Attributes:
        row: First row of the table at which it does, or None where it stays within what it was.
        words: How.
    """

    row: int | None
    words: str


def signs(values: np.ndarray, start: int) -> list[Sign]:
    """The sign of each metric.

    Args:
        values: [T, C] the table.
        start: First row of the anomaly.
    """
    normal = values[:start]
    late = int(np.ceil(GUARD * start))  # these rows do not count as normal, see :mod:`graphcl.rca.change`
    z = standardised(normal, values[start:])
    before = standardised(normal, values[start - late : start]) if late else z[:0]
    return [
        _sign(values[: start - late, column], values[start:, column], z[:, column], before[:, column], start)
        for column in range(values.shape[1])
    ]


def _sign(normal: np.ndarray, now: np.ndarray, z: np.ndarray, before: np.ndarray, start: int) -> Sign:
    known = normal[np.isfinite(normal)]
    missing = np.isnan(now)
    if not len(known):
        return Sign(None, "no value before the anomaly")
    if missing.mean() > 0.5 and missing.mean() - np.isnan(normal).mean() > 0.5:
        return Sign(start + int(np.argmax(missing)), f"stops reporting ({missing.sum()} of {len(now)} values missing)")
    outside = np.abs(np.nan_to_num(z)) > SEEN
    if not outside.any():
        return Sign(None, "within what it was before")
    far = int(np.nanargmax(np.abs(z)))
    first = start + int(np.argmax(outside))
    if not np.isfinite(z[: first - start]).any():  # older than the anomaly's time?
        older = _outside_until_the_end(before)
        first = start - older if older else first
    move = "rises" if z[far] > 0 else "falls"
    low, high = float(known.min()), float(known.max())
    range_ = f"was constant at {low:.4g}" if low == high else f"was {low:.4g} to {high:.4g}"
    rows = f"{len(now)} rows" if not missing.any() else f"{len(now) - missing.sum()} rows, {missing.sum()} missing"
    return Sign(first, f"{move} to {now[far]:.4g} ({range_}), outside in {outside.sum()} of {rows}")


def _outside_until_the_end(z: np.ndarray) -> int:
    """How many rows before the end a stretch begins in which every known value is outside; 0 where there is none."""
    back = z[::-1]
    within = np.flatnonzero(np.abs(back) <= SEEN)
    outside = np.flatnonzero(np.abs(back[: within[0] if len(within) else len(back)]) > SEEN)
    return int(outside[-1]) + 1 if len(outside) else 0
