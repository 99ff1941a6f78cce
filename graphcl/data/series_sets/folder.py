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
from graphcl.data.series_sets.table import TIME, TIMES, read_table

#: Steps that differ by less are of one rate.
SAME_RATE = 1.01
#: Share of steps that are the median one from which on a longer step is a gap.
REGULAR = 0.75


def read_series_folder(folder: Path) -> RawSeriesSet:
    """Series of a folder. A folder in it is a class; ``train``, ``val`` and ``test`` in it are parts with classes.

    Channels are the columns that most files have; a column called ``time`` (or ``timestamp``, ``date``, ``t``), or one
    of words that are dates, holds times, and those without a number in any file are left out, as is one without a name
    that counts the rows. Rows are put in the order of their times. Series of other rates are brought to the longest
    step of all by linear interpolation.

    Raises:
        UserError: no file can be read.
    """
    skipped, notes = Skipped(), list[str]()
    kept, times = list[Listed](), Counter[str]()
    tables: list[pd.DataFrame] = []
    for file in list_files(folder, skipped):
        table = read_table(file.path)
        if isinstance(table, str):
            skipped.add(table, file.name)
            continue
        tables.append(table)
        kept.append(file)
        times.update([table.attrs[TIME]] if table.attrs[TIME] is not None else [])
    kept, tables = _alike(kept, tables, skipped)
    notes += skipped.notes()
    if not tables:
        told = f": {'; '.join(notes)}" if notes else ""
        raise UserError(f"data.path: {folder} holds no series that can be read{told}; give CSV files, one a series")
    time = next((name for name, _ in times.most_common() if name in tables[0].columns), None)
    if time is not None and time.lower() not in TIMES:
        notes.append(f"times are in the column `{time}`, whose words are dates")
    channels = _channels([name for name in tables[0].columns if name != time], tables, notes)
    values = [table[channels].to_numpy(dtype=np.float64) for table in tables]
    if time is not None:
        when = [table[time].to_numpy(dtype=np.float64) for table in tables]
        values = _one_rate(*_in_order(values, when, time, notes), notes)
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


def _in_order(
    values: list[np.ndarray], times: list[np.ndarray], name: str, notes: list[str]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Series and their times, ascending; a file without a time keeps its rows. What changes is noted."""
    told, ordered = Counter[str](), []
    for rows, when in zip(values, times, strict=True):
        kept = np.flatnonzero(np.isfinite(when))
        if not len(kept) and len(when):
            told["unread"] += 1  # words under a name of times
            ordered.append((rows, np.arange(len(when)) * np.nan))
            continue
        unique, first = np.unique(when[kept], return_index=True)  # sorted
        told["moved"] += bool((np.diff(when[kept]) < 0).any())
        told["lost"] += len(when) - len(kept)
        told["again"] += len(kept) - len(first)
        told["gaps"] += _missing_steps(unique)
        ordered.append((rows[kept[first]], unique))
    many = f" of {told['moved']:,} series" if len(values) > 1 else ""
    sentences = {
        "moved": f"rows{many} were put in order by `{name}`",
        "lost": f"rows without a time that can be read in `{name}`, left out: {told['lost']:,}",
        "again": f"rows of a time in `{name}` that was there already, left out: {told['again']:,}",
        "gaps": f"steps missing in `{name}`: {told['gaps']:,}; the rows beside them are taken to follow each other",
        "unread": f"series whose rows stay as they are, as no time can be read in `{name}`: {told['unread']:,}",
    }
    notes += [sentence for key, sentence in sentences.items() if told[key]]
    return [rows for rows, _ in ordered], [when for _, when in ordered]


def _missing_steps(when: np.ndarray) -> int:
    """How many rows are lacking between ascending times most of which are one step apart; 0 without such a step."""
    steps = np.diff(when)
    step = float(np.median(steps)) if len(steps) else 0.0
    regular = step > 0 and np.mean(np.abs(steps - step) <= (SAME_RATE - 1) * step) >= REGULAR
    return int((np.round(steps / step) - 1).clip(min=0).sum()) if regular else 0


def _one_rate(values: list[np.ndarray], times: list[np.ndarray], notes: list[str]) -> list[np.ndarray]:
    """Series whose rows are in the order of their times, resampled where their steps differ."""
    ordered = list(zip(values, times, strict=True))
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
