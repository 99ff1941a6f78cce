"""A folder of CSV files, each a series: a row a sample, a column a channel, and perhaps one of times."""

from __future__ import annotations

from collections import Counter
from itertools import compress
from pathlib import Path

import numpy as np
import pandas as pd

from graphcl.core.errors import UserError
from graphcl.core.words import listed
from graphcl.data.class_folders import Listed, Skipped, classes_of, list_files
from graphcl.data.series_sets.raw import RawSeriesSet, resampled
from graphcl.data.series_sets.table import TIMES, read_table

#: Steps that differ by less are of one rate.
SAME_RATE = 1.01


def read_series_folder(folder: Path) -> RawSeriesSet:
    """Series of a folder. A folder in it is a class; ``train``, ``val`` and ``test`` in it are parts with classes.

    Channels are the columns that most files have; a column called ``time`` (or ``timestamp``, ``date``, ``t``) holds
    times, and those without a number in any file are left out, as is one without a name that counts the rows. Series of
    other rates are brought to the longest step of all by linear interpolation.

    Raises:
        UserError: no file can be read.
    """
    skipped, notes = Skipped(), list[str]()
    kept: list[Listed] = []
    tables: list[pd.DataFrame] = []
    for file in list_files(folder, skipped):
        table = read_table(file.path)
        if isinstance(table, str):
            skipped.add(table, file.name)
            continue
        tables.append(table)
        kept.append(file)
    kept, tables = _alike(kept, tables, skipped)
    notes += skipped.notes()
    if not tables:
        told = f": {'; '.join(notes)}" if notes else ""
        raise UserError(f"data.path: {folder} holds no series that can be read{told}; give CSV files, one a series")
    time = next((name for name in tables[0].columns if name.lower() in TIMES), None)
    channels = _channels([name for name in tables[0].columns if name != time], tables, notes)
    values = [table[channels].to_numpy(dtype=np.float64) for table in tables]
    if time is not None:
        values = _one_rate(values, [table[time].to_numpy(dtype=np.float64) for table in tables], notes)
    labels, sizes = [file.label for file in kept], Counter(file.part for file in kept)
    return RawSeriesSet(
        values,
        classes_of(labels, notes),
        dict(sizes) if sizes.get("train") else {},
        channels=channels,
        ids=[file.name for file in kept],
        source=str(folder),
        notes=notes,
    )


def _alike(
    files: list[Listed], tables: list[pd.DataFrame], skipped: Skipped
) -> tuple[list[Listed], list[pd.DataFrame]]:
    """Those with the columns that most have, in one order; the others are skipped."""
    common = Counter(frozenset(table.columns) for table in tables).most_common(1)
    alike = [set(table.columns) == common[0][0] for table in tables]
    for file, kept in zip(files, alike, strict=True):
        if not kept:
            skipped.add("with other columns than most", file.name)
    found = list(compress(tables, alike))
    return list(compress(files, alike)), [table[found[0].columns] for table in found]


def _channels(names: list[str], tables: list[pd.DataFrame], notes: list[str]) -> list[str]:
    """Those of the columns that hold a number in some file."""
    lacking = [name for name in names if all(table[name].isna().all() for table in tables)]
    if lacking and len(lacking) < len(names):
        notes.append(f"columns without a number, left out: {listed(lacking)}")
        return [name for name in names if name not in lacking]
    return names


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
