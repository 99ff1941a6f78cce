"""From a file or a frame to :class:`~graphcl.data.telemetry.base.Telemetry`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from graphcl.core.errors import UserError
from graphcl.core.words import counted
from graphcl.data.telemetry.base import Column, Telemetry
from graphcl.data.telemetry.clean import merge_equal, rates
from graphcl.data.telemetry.columns import frame_columns, read_columns
from graphcl.data.telemetry.grid import on_grid, period_of
from graphcl.data.telemetry.names import split_names
from graphcl.data.telemetry.table import RawTable, parse_table


def read_telemetry(
    source: str | Path | pd.DataFrame,
    *,
    normal: str | Path | pd.DataFrame | None = None,
    names: str = "",
    time: str = "",
    counters: bool = True,
    merge: bool = True,
) -> Telemetry:
    """Read a table of metrics, wide (a time, a column for each metric) or long (time, service, metric, value).

    Args:
        source: CSV, TSV, JSON lines or Parquet, plain or gzip; or a pandas frame.
        normal: A table of a time without trouble; its rows are moved to end right before those of ``source``. Of two
            periods the finer table is averaged to the coarser one's, so that both are measured alike.
        names: How a column splits into service and metric, see :func:`~graphcl.data.telemetry.names.split_names`.
        time: Column of the time; "" finds it.
        counters: Whether metrics that only add up become rates.
        merge: Whether equal columns become one.

    Raises:
        UserError: whatever is wrong with the table, in one line.
    """
    raw = _raw(source, time)
    joint = raw if normal is None else _before(_raw(normal, time), raw)
    columns, note = _columns(joint, names)
    known = {name: np.isfinite(values) for name, values in joint.values.items()}
    order = np.argsort(joint.time, kind="stable")
    samples = [
        (joint.time[order][known[column.name][order]], joint.values[column.name][order][known[column.name][order]])
        for column in columns
    ]
    grid, values, period, breaks, notes = on_grid(samples, joint.seam)
    notes = [*joint.notes, note, *notes]
    if counters:
        values, more = rates(values, columns, period, breaks)
        notes += more
    if merge:
        values, columns, more = merge_equal(values, columns)
        notes += more
    return Telemetry(grid, values, tuple(columns), period, raw.unit, breaks, tuple(notes))


def _raw(source: str | Path | pd.DataFrame, time: str) -> RawTable:
    if isinstance(source, pd.DataFrame):
        columns, notes = frame_columns(source)
        where = "the frame"
    else:
        path = Path(source).expanduser()
        columns, notes = read_columns(path)
        where = str(path)
    raw = parse_table(columns, where, time)
    raw.notes[:0] = notes
    return raw


def _columns(raw: RawTable, pattern: str) -> tuple[list[Column], str]:
    if raw.pairs and not pattern:
        columns = [Column(*raw.pairs[name], name) for name in raw.values]
        return columns, counted(len({column.service for column in columns}), "service")
    return split_names(list(raw.values), pattern)


def _before(normal: RawTable, raw: RawTable) -> RawTable:
    """Both tables, the normal one moved to end one step before the other begins."""
    shared = [name for name in raw.values if name in normal.values]
    if not shared:
        raise UserError(f"{normal.where} and {raw.where} share no column")
    raw, normal, step, said = _alike(raw, normal)
    shift = raw.time.min() - step - normal.time.max()
    notes = [*raw.notes, f"{counted(len(normal.time), 'row')} of {normal.where} as the normal part, moved {shift:+g} s"]
    notes += said
    for table, other in ((raw, normal), (normal, raw)):
        if alone := [name for name in table.values if name not in other.values]:
            notes.append(f"{counted(len(alone), 'column')} in {table.where} only, such as {alone[0]!r}: left out")
    return RawTable(
        raw.where,
        np.concatenate([normal.time + shift, raw.time]),
        {name: np.concatenate([normal.values[name], raw.values[name]]) for name in shared},
        raw.unit,
        raw.pairs,
        notes,
        float(raw.time.min()),
    )


def _alike(raw: RawTable, normal: RawTable) -> tuple[RawTable, RawTable, float, list[str]]:
    """Both tables at the longer of their periods, that period, and a sentence where they differ."""
    moments = [np.unique(table.time) for table in (raw, normal)]
    periods = [period_of(times) for times in moments if len(times) > 1]
    if not periods:
        raise UserError(f"{raw.where} and {normal.where} hold one moment each; a series of them is needed")
    if len(periods) < 2 or max(periods) < 1.5 * min(periods):
        return raw, normal, float(np.median(np.diff(moments[0] if len(moments[0]) > 1 else moments[1]))), []
    note = f"a row is {periods[0]:g} s in {raw.where} and {periods[1]:g} s in {normal.where}: the finer one is averaged"
    if periods[0] < periods[1]:
        return _averaged(raw, periods[1]), normal, periods[1], [note]
    return raw, _averaged(normal, periods[0]), periods[0], [note]


def _averaged(raw: RawTable, period: float) -> RawTable:
    """A table with one row for each period, the mean of what is known."""
    cells, row = np.unique(np.floor((raw.time - raw.time.min()) / period + 1e-6), return_inverse=True)

    def mean(values: np.ndarray) -> np.ndarray:
        known = np.isfinite(values)
        count = np.bincount(row[known], minlength=len(cells))
        total = np.bincount(row[known], values[known], minlength=len(cells))
        return np.divide(total, count, out=np.full(len(cells), np.nan), where=count > 0)

    return replace(
        raw, time=raw.time.min() + period * cells, values={name: mean(values) for name, values in raw.values.items()}
    )
