"""A folder of CSV files, each a series: a row a sample, a column a channel, and perhaps one of times."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from graphcl.core.errors import UserError
from graphcl.data.class_folders import Listed, Skipped, list_files
from graphcl.data.series_sets.raw import RawSeriesSet, resampled

SUFFIXES = (".csv", ".tsv")
TIMES = ("time", "timestamp", "date", "datetime", "t")
#: Steps that differ by less are of one rate.
SAME_RATE = 1.01


def read_series_folder(folder: Path) -> RawSeriesSet:
    """Series of a folder. A folder in it is a class; ``train``, ``val`` and ``test`` in it are parts with classes.

    Channels are the columns of the first file; a column called ``time`` (or ``timestamp``, ``date``, ``t``) holds
    times. Series of other rates are brought to the longest step of all by linear interpolation.

    Raises:
        UserError: no file can be read.
    """
    skipped, notes = Skipped(), list[str]()
    kept: list[Listed] = []
    tables: list[pd.DataFrame] = []
    for file in list_files(folder):
        table = _table(file.path)
        if not isinstance(table, str) and tables and set(table.columns) != set(tables[0].columns):
            table = "with other columns than the first file"
        if isinstance(table, str):
            skipped.add(table, file.name)
            continue
        tables.append(table if not tables else table[tables[0].columns])
        kept.append(file)
    notes += skipped.notes()
    if not tables:
        told = f": {'; '.join(notes)}" if notes else ""
        raise UserError(f"data.path: {folder} holds no series that can be read{told}; give CSV files, one a series")
    time = next((name for name in tables[0].columns if str(name).lower() in TIMES), None)
    channels = [name for name in tables[0].columns if name != time]
    values = [table[channels].to_numpy(dtype=np.float64) for table in tables]
    if time is not None:
        values = _one_rate(values, [table[time].to_numpy(dtype=np.float64) for table in tables], notes)
    labels, sizes = [file.label for file in kept], Counter(file.part for file in kept)
    return RawSeriesSet(
        values,
        np.array(labels, dtype=object) if any(labels) else None,
        dict(sizes) if sizes.get("train") else {},
        channels=[str(name) for name in channels],
        ids=[file.name for file in kept],
        source=str(folder),
        notes=notes,
    )


def _table(path: Path) -> pd.DataFrame | str:
    """Numbers of a file, times in seconds; or why it is skipped."""
    if path.suffix.lower() not in SUFFIXES:
        return "not CSV"
    try:
        with path.open(encoding="utf-8", errors="replace") as opened:
            first = opened.readline()
        between = "\t" if path.suffix.lower() == ".tsv" else ";" if first.count(";") > first.count(",") else ","
        header = None if _are_numbers(first.strip().split(between)) else 0
        table = pd.read_csv(path, sep=between, header=header, encoding_errors="replace", index_col=False)
    except (OSError, ValueError, pd.errors.EmptyDataError):
        return "empty, or no table"
    for name in table.columns:
        timed = str(name).lower() in TIMES and not pd.api.types.is_numeric_dtype(table[name])
        table[name] = _seconds(table[name]) if timed else pd.to_numeric(table[name], errors="coerce")
    if table.empty or table.isna().to_numpy().all():
        return "without a number"
    return table


def _are_numbers(fields: list[str]) -> bool:
    return bool(pd.to_numeric(pd.Series(fields), errors="coerce").notna().any())


def _seconds(column: pd.Series) -> pd.Series:
    when = pd.to_datetime(column, errors="coerce", utc=True, format="mixed")
    return (when - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)


def _one_rate(values: list[np.ndarray], times: list[np.ndarray], notes: list[str]) -> list[np.ndarray]:
    """Series in the order of their times, resampled where their steps differ."""
    ordered = []
    for rows, when in zip(values, times, strict=True):
        kept = np.flatnonzero(np.isfinite(when))
        _, first = np.unique(when[kept], return_index=True)  # sorted
        ordered.append((rows[kept[first]], when[kept[first]]))
    steps = np.array([np.median(np.diff(when)) if len(when) > 1 else np.nan for _, when in ordered])
    known = steps[np.isfinite(steps)]
    if not len(known) or known.max() <= SAME_RATE * known.min():
        return [rows for rows, _ in ordered]
    step = known.max()
    notes.append(
        f"series have steps of {known.min():g} to {step:g}; those of shorter ones are resampled to {step:g}"
    )
    made = []
    for (rows, when), own in zip(ordered, steps, strict=True):
        at = when[0] + step * np.arange(int((when[-1] - when[0]) / step) + 1) if len(when) else when
        made.append(rows if not own * SAME_RATE < step else resampled(rows, when, at))
    return made
