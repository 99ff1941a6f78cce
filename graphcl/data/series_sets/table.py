"""One CSV file -> a table of numbers, a row a sample; or the reason why there is none."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
import pandas as pd

from graphcl.core.errors import UserError
from graphcl.data.dates import are_dates, seconds_of

SUFFIXES = (".csv", ".tsv")
TIMES = ("time", "timestamp", "date", "datetime", "t", "ts", "ds", "datum", "zeit")
#: Where a table keeps the name of its column of times.
TIME = "time"
_CLOCK = r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?"


def read_table(path: Path) -> pd.DataFrame | str:
    """Numbers of a file, times in seconds; or why it is skipped.

    The column of times (``attrs[TIME]``) is called by one of :data:`TIMES`, or is the first of words nearly all of
    which are dates. Dates are read by :func:`~graphcl.data.dates.seconds_of`; where a column of times of day stands
    beside them, together with it.
    Between columns stand commas, semicolons or tabs, as the first line has them; where it is no comma, 1,5 is a number.
    What is no number is NaN. A first column without a name that counts the rows, as pandas writes its index, is left
    out. The file may be compressed by gzip.
    """
    suffix = suffix_of(path)
    if suffix not in SUFFIXES:
        return "not CSV"
    opener = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", errors="replace") as opened:
            first = opened.readline()
        between = next((sign for sign in "\t;" if sign in first), "\t" if suffix == ".tsv" else ",")
        header = None if _numbers(pd.Series(first.strip().split(between)), between).notna().any() else 0
        table = pd.read_csv(
            path, sep=between, header=header, encoding="utf-8-sig", encoding_errors="replace", index_col=False,
            skipinitialspace=True,
        )  # fmt: skip
    except (OSError, EOFError, zlib.error, ValueError, pd.errors.EmptyDataError):
        return "empty, or no table"
    table.columns = pd.Index([str(name).strip() for name in table.columns])
    if not table.columns.is_unique:
        return "with two columns of one name"
    numbers = pd.DataFrame({n: _numbers(table.iloc[:, n], between) for n in range(len(table.columns))})
    numbers.columns = table.columns
    when, of_day = _times(table, numbers)
    if when is not None and numbers[when].notna().sum() < 0.5 * table[when].notna().sum():
        text = table[when] if of_day is None else table[when].str.strip() + " " + table[of_day].str.strip()
        try:
            numbers[when] = seconds_of(text)
        except UserError as error:
            return f"{when}: {error}"
    table = _without_count(numbers)
    table.attrs[TIME] = when
    if table.empty or table.isna().to_numpy().all():
        return "without a number"
    return table


def suffix_of(path: Path) -> str:
    """That of the file, or of what is compressed in it, in lower case: ``.csv`` of ``load.csv.gz``."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _numbers(column: pd.Series, between: str) -> pd.Series:
    if between != "," and not pd.api.types.is_numeric_dtype(column):
        column = column.astype(str).str.replace(",", ".", regex=False)
    return pd.to_numeric(column, errors="coerce")


def _times(table: pd.DataFrame, numbers: pd.DataFrame) -> tuple[str | None, str | None]:
    """The column of times, and that of times of day beside dates."""
    words = [name for name in table.columns if numbers[name].notna().sum() < 0.5 * table[name].notna().sum()]
    clocks = [name for name in words if table[name].dropna().astype(str).str.strip().str.fullmatch(_CLOCK).all()]
    named = [name for name in table.columns if name.lower() in TIMES]
    when = next((name for name in named if name not in clocks), None)
    if when is None:
        when = next((name for name in words if name not in clocks and are_dates(table[name])), None)
    if when is None or when not in words:
        return when or next(iter(named), None), None
    bare = not table[when].dropna().astype(str).str.contains(":").any()
    return when, clocks[0] if bare and len(clocks) == 1 else None


def _without_count(table: pd.DataFrame) -> pd.DataFrame:
    first = table.iloc[:, 0].to_numpy() if len(table.columns) > 1 and table.columns[0] == "Unnamed: 0" else np.zeros(0)
    counts = len(first) > 0 and np.array_equal(first - first[0], np.arange(len(first)))
    return table.iloc[:, 1:] if counts else table
