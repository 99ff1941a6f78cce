"""Columns of dates as people write them, as seconds since 1970."""

from __future__ import annotations

import numpy as np
import pandas as pd

from graphcl.core.errors import UserError

#: 17.01.2020 10:00, 1/17/2020, 17-01-20: two numbers and a year, and perhaps a time of day.
_NUMBERS = r"^(?P<a>\d{1,2})(?P<sign>[./-])(?P<b>\d{1,2})(?P=sign)(?P<c>\d{4}|\d{2})(?P<rest>(?:[ T,].*)?)$"
#: What a text must have in it to be taken as a date where nobody says that it is one.
_LOOKS = r"\d{4}|^\d{1,2}[./-]\d{1,2}[./-]\d{2}(?!\d)"
#: Reading -> which of the three numbers are year, month and day.
_READINGS = {"the day first": ("c", "b", "a"), "the month first": ("c", "a", "b"), "the year first": ("a", "b", "c")}
#: Share of the values of a column of words that are dates where it is taken as one of times.
NEARLY_ALL = 0.9


def iso_seconds(dates: pd.Series) -> np.ndarray:
    """[n] seconds since 1970 of timestamps or ISO 8601 text, UTC unless they say otherwise; NaN for what is neither."""
    return _seconds(dates, None if dates.dtype.kind == "M" else "ISO8601")


def seconds_of(dates: pd.Series) -> np.ndarray:
    """[n] seconds since 1970 of dates in any usual form, UTC unless they say otherwise; NaN for what is none.

    Whether the day or the month stands first is read off the whole column: one number above 12 tells, and where dots
    stand between them it is the day. Where both can be, it is the reading in which the rows are in order.

    >>> seconds_of(pd.Series(["31.01.1970", "01.02.1970 12:00"])) / 86400
    array([30. , 31.5])

    Raises:
        UserError: the column can be read in two ways, which give different orders, or in none throughout.
    """
    text = dates.astype("string").str.strip()
    found = iso_seconds(text)
    open_ = np.isnan(found) & text.notna().to_numpy()
    parts = text.where(open_).str.extract(_NUMBERS)
    numbered = parts["a"].notna().to_numpy()
    if numbered.any():
        found[numbered] = _by_numbers(parts[numbered], found, numbered)
    other = open_ & ~numbered
    if other.any():
        found[other] = _seconds(text[other].astype(object), "mixed")
    return found


def are_dates(column: pd.Series) -> bool:
    """Whether nearly all values of a column of words are dates, and few of them stand there more than once."""
    text = column.dropna().astype("string").str.strip()
    if text.nunique() < max(2, NEARLY_ALL * len(text)) or text.str.contains(_LOOKS).mean() < NEARLY_ALL:
        return False
    try:
        return bool(np.isfinite(seconds_of(text)).mean() >= NEARLY_ALL)
    except UserError:
        return True


def _by_numbers(parts: pd.DataFrame, others: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Seconds of dates of three numbers; ``others`` are those of all rows, NaN at these ``rows``."""
    read = {name: _read(parts, *order) for name, order in _READINGS.items()}
    if not (parts["sign"].eq("-") & parts["c"].str.len().eq(2)).all():
        del read["the year first"]
    some = np.isfinite(np.stack(list(read.values()))).any(axis=0)
    fits = {name: seconds for name, seconds in read.items() if np.isfinite(seconds[some]).all()}
    if not fits:
        raise UserError("dates with the day first and dates with the month first; write them as 2020-01-31")
    if "the day first" in fits and parts["sign"].eq(".").all():
        return fits["the day first"]

    def whole(seconds: np.ndarray) -> np.ndarray:
        filled = others.copy()
        filled[rows] = seconds
        return filled[np.isfinite(filled)]

    ordered = {name: seconds for name, seconds in fits.items() if _ordered(whole(seconds))}
    left = ordered or fits
    if not ordered and len({np.argsort(whole(seconds), kind="stable").tobytes() for seconds in left.values()}) > 1:
        shown = "".join(parts.iloc[0][["a", "sign", "b", "sign", "c"]])
        raise UserError(f"dates such as {shown} can be read with {' or '.join(left)}; write them as 2020-01-31")
    return min(left.values(), key=lambda seconds: len(np.unique(np.diff(whole(seconds)))))


def _read(parts: pd.DataFrame, year: str, month: str, day: str) -> np.ndarray:
    short = parts[year].str.len() == 2
    century = np.where(pd.to_numeric(parts[year]) < 70, "20", "19")  # as POSIX has it
    years = parts[year].where(~short, pd.Series(century, index=parts.index) + parts[year])
    text = years + "-" + parts[month].str.zfill(2) + "-" + parts[day].str.zfill(2)
    days = _seconds(text.astype(object), "%Y-%m-%d")
    rest = parts["rest"].str.lstrip("T ,").str.strip()
    timed = (rest != "").to_numpy() & np.isfinite(days)
    if timed.any():
        days[timed] = _seconds((text + " " + rest)[timed].astype(object), "mixed")
    return days


def _ordered(seconds: np.ndarray) -> bool:
    steps = np.diff(seconds)
    return bool((steps >= 0).all() or (steps <= 0).all())


def _seconds(dates: pd.Series, form: str | None) -> np.ndarray:
    parsed = pd.to_datetime(dates, utc=True, errors="coerce", format=form)
    seconds = parsed.astype("datetime64[us, UTC]").astype(np.int64).to_numpy() / 1e6
    return np.where(parsed.isna().to_numpy(), np.nan, seconds)
