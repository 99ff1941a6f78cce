"""From a file or a frame to :class:`~graphcl.data.telemetry.base.Telemetry`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from graphcl.core.errors import UserError
from graphcl.core.words import counted
from graphcl.data.readers.sniff import as_separator
from graphcl.data.telemetry.base import Column, Telemetry
from graphcl.data.telemetry.clean import merge_equal, rates
from graphcl.data.telemetry.grid import on_grid
from graphcl.data.telemetry.names import split_names
from graphcl.data.telemetry.table import RawTable, frame_columns, parse_table, read_columns
from graphcl.data.text import known_encoding


def read_telemetry(
    source: str | Path | pd.DataFrame,
    *,
    normal: str | Path | pd.DataFrame | None = None,
    names: str = "",
    time: str = "",
    counters: bool = True,
    merge: bool = True,
    separator: str = "",
    encoding: str = "utf-8",
) -> Telemetry:
    """Read a table of metrics, wide (a time, a column for each metric) or long (time, service, metric, value).

    Args:
        source: CSV, TSV, JSON lines or Parquet, plain or gzip; or a pandas frame.
        normal: A table of a time without trouble; its rows are moved to end right before those of ``source``.
        names: How a column splits into service and metric, see :func:`~graphcl.data.telemetry.names.split_names`.
        time: Column of the time; "" finds it.
        counters: Whether metrics that only add up become rates.
        merge: Whether equal columns become one.
        separator: Between columns of text; "" is found out.
        encoding: Of text.

    Raises:
        UserError: whatever is wrong with the table, in one line.
    """
    raw = _raw(source, time, separator, encoding)
    joint = raw if normal is None else _before(_raw(normal, time, separator, encoding), raw)
    columns, note = _columns(joint, names)
    known = {name: np.isfinite(values) for name, values in joint.values.items()}
    order = np.argsort(joint.time, kind="stable")
    samples = [
        (joint.time[order][known[column.name][order]], joint.values[column.name][order][known[column.name][order]])
        for column in columns
    ]
    grid, values, period, notes = on_grid(samples)
    notes = [*joint.notes, note, *notes]
    if counters:
        values, more = rates(values, columns, period)
        notes += more
    if merge:
        values, columns, more = merge_equal(values, columns)
        notes += more
    return Telemetry(grid, values, tuple(columns), period, raw.unit, tuple(notes))


def _raw(source: str | Path | pd.DataFrame, time: str, separator: str, encoding: str) -> RawTable:
    if isinstance(source, pd.DataFrame):
        columns, notes = frame_columns(source)
        where = "the frame"
    else:
        path = Path(source).expanduser()
        columns, notes = read_columns(path, as_separator(separator) if separator else "", known_encoding(encoding))
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
    steps = [np.diff(np.unique(table.time)) for table in (raw, normal) if len(np.unique(table.time)) > 1]
    if not steps:
        raise UserError(f"{raw.where} and {normal.where} hold one moment each; a series of them is needed")
    shift = raw.time.min() - float(np.median(steps[0])) - normal.time.max()
    notes = [*raw.notes, f"{counted(len(normal.time), 'row')} of {normal.where} as the normal part, moved {shift:+g} s"]
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
    )
