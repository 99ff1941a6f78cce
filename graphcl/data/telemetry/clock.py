"""Times of a table of metrics: their unit, and seconds made of them."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd

from graphcl.core.errors import UserError
from graphcl.core.words import counted
from graphcl.data.times import PER_SECOND, UNITS, refuse_mixed_units, unit_by_size

DATES = "dates"


def unit_of(time: np.ndarray, where: str) -> tuple[str, str]:
    """The unit of timestamps by their size, and a sentence that says so.

    Args:
        time: [n] numbers, none missing.
        where: File and column, for the message.

    Raises:
        UserError: some look like seconds and others like milliseconds, say.
    """
    refuse_mixed_units(time, where)
    if unit := unit_by_size(time):
        some = isoformat(float(np.median(time)) / PER_SECOND[unit])
        return unit, f"times are {unit} since 1970 ({some} is one of them)"
    return "seconds", "times are no date of our days; taken as seconds from a start of their own"


def isoformat(seconds: float) -> str:
    """Seconds since 1970 as a date in UTC; the number itself where it is none of our days.

    >>> isoformat(1661140440.0), isoformat(12.5)
    ('2022-08-22T03:54:00Z', '12.5')
    """
    low, high = UNITS["seconds"]
    if not low <= seconds < high:
        return f"{seconds:g}"
    stamp = pd.Timestamp(round(seconds * 1000), unit="ms")
    return stamp.isoformat(timespec="milliseconds" if stamp.microsecond else "seconds") + "Z"


def in_seconds(value: float | str, unit: str) -> float:
    """A moment as the user wrote it, in seconds since 1970: a number in the unit of the table, or a date (ISO 8601).

    Raises:
        UserError: neither.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        if re.fullmatch(r"\d{1,2}:\d\d(:\d\d)?", str(value).strip()):
            raise UserError(f"{value!r} has no date; give it as in 2022-08-22T03:54:00Z") from None
        stamp = pd.to_datetime(value, utc=True, errors="coerce")
        if pd.isna(stamp):
            raise UserError(
                f"{value!r} is no time; give a date such as 2022-08-22T03:54:00Z, or a number as in the table"
            ) from None
        return float(stamp.timestamp())
    if not math.isfinite(number):
        raise UserError(f"{value!r} is no time")
    return number / PER_SECOND.get(unit, 1.0)


def require_inside(moment: float, time: np.ndarray, period: float, unit: str, shown: str) -> None:
    """Refuse a moment that the table does not hold, with the unit that was likely meant.

    Args:
        moment: In seconds.
        time: [T] seconds, ascending.
        period: Of the table, in seconds.
        unit: Of the table.
        shown: The moment as the user wrote it.

    Raises:
        UserError: it lies outside.
    """
    first, last = float(time[0]), float(time[-1])
    if first <= moment < last + period:
        return
    scale = PER_SECOND.get(unit, 1.0)
    likely = next((name for name, many in PER_SECOND.items() if first <= moment * scale / many < last + period), None)
    zone = next((hours for hours in range(-14, 15) if hours and first <= moment + 3600 * hours < last + period), None)
    hint = f"; {likely}?" if likely else f"; another time zone ({counted(abs(zone), 'hour')} off)?" if zone else ""
    span = f"{first * scale:.0f}..{last * scale:.0f}" if unit != DATES else f"{isoformat(first)}..{isoformat(last)}"
    dates = f" ({isoformat(first)} to {isoformat(last)})" if unit != DATES and isoformat(first).endswith("Z") else ""
    raise UserError(f"the anomaly time {shown} is outside of the data, {span}{dates}{hint}")
