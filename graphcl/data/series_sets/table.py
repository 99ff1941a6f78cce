"""One CSV file -> a table of numbers, a row a sample; or the reason why there is none."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
import pandas as pd

SUFFIXES = (".csv", ".tsv")
TIMES = ("time", "timestamp", "date", "datetime", "t")


def read_table(path: Path) -> pd.DataFrame | str:
    """Numbers of a file, times in seconds; or why it is skipped.

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
    for name in table.columns:
        timed = name.lower() in TIMES and not pd.api.types.is_numeric_dtype(table[name])
        table[name] = _seconds(table[name]) if timed else _numbers(table[name], between)
    table = _without_count(table)
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


def _without_count(table: pd.DataFrame) -> pd.DataFrame:
    first = table.iloc[:, 0].to_numpy() if len(table.columns) > 1 and table.columns[0] == "Unnamed: 0" else np.zeros(0)
    counts = len(first) > 0 and np.array_equal(first - first[0], np.arange(len(first)))
    return table.iloc[:, 1:] if counts else table


def _seconds(column: pd.Series) -> pd.Series:
    when = pd.to_datetime(column, errors="coerce", utc=True, format="mixed")
    return (when - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)
