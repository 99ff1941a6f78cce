"""Times of events: their unit, and that it is one."""

from __future__ import annotations

import numpy as np

from graphcl.core.errors import UserError
from graphcl.core.words import counted

#: Unit -> the range of today's timestamps in it, with centuries on both sides and a factor of ten between units.
UNITS = {
    "seconds": (1e8, 1e10),
    "milliseconds": (1e11, 1e13),
    "microseconds": (1e14, 1e16),
    "nanoseconds": (1e17, 1e19),
}
#: How many of a unit make a second.
PER_SECOND = {"seconds": 1.0, "milliseconds": 1e3, "microseconds": 1e6, "nanoseconds": 1e9}


def unit_by_size(time: np.ndarray) -> str | None:
    """The unit of timestamps since 1970 in whose range their median lies; None for times from a start of their own."""
    middle = float(np.median(time)) if len(time) else 0.0
    return next((unit for unit, (low, high) in UNITS.items() if low <= middle < high), None)


def refuse_mixed_units(time: np.ndarray, where: str) -> None:
    """Refuse timestamps of which some look like seconds and others like milliseconds, say.

    They do where values lie in the ranges of two units of :data:`UNITS` and none outside; times that count from a
    start of their own usually lie everywhere.

    Args:
        time: [n] timestamps.
        where: File and column, for the message.

    Raises:
        UserError: names the units, how many rows have each, and an example.
    """
    found = {unit: (time >= low) & (time < high) for unit, (low, high) in UNITS.items()}
    rows = {unit: int(inside.sum()) for unit, inside in found.items() if inside.any()}
    if len(rows) < 2 or sum(rows.values()) < len(time):
        return
    shown = ", ".join(
        f"{counted(count, 'row')} in {unit} (such as {time[found[unit]][0]:.0f})" for unit, count in rows.items()
    )
    raise UserError(f"{where}: times of different units: {shown}; bring them to one")
