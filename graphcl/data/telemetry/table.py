"""Columns as numbers and a time, of a table that is wide, long, or has a row for each time and service."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graphcl.core.errors import UserError, suggestion
from graphcl.core.words import counted
from graphcl.data.columns import USUAL
from graphcl.data.telemetry.clock import DATES, PER_SECOND, isoformat, unit_of
from graphcl.data.values import as_number, as_text, as_time

#: Roles of the columns of a long table -> usual names.
_LONG: Mapping[str, tuple[str, ...]] = {
    "metric": ("metric", "metricname", "kpi", "kpiname"),
    "value": ("value",),
    "service": ("service", "servicename", "component", "pod", "podname", "cmdbid"),
}


#: Names under which the index of a frame is written that has none.
_UNNAMED = ("", "__index_level_0__", "Unnamed: 0")


@dataclass
class RawTable:
    """What a table holds, before names are split and the grid is laid.

    Attributes:
        where: The file, for messages.
        time: [n] seconds.
        values: Name -> [n] numbers, NaN where missing.
        pairs: Name -> (service, metric), where the table itself says so (long, with a column of services).
        unit: Of the times.
        notes: What was decided.
        seam: Time of the first row after a normal part that was given on its own, or None.
    """

    where: str
    time: np.ndarray
    values: dict[str, np.ndarray]
    unit: str
    pairs: dict[str, tuple[str, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seam: float | None = None


def parse_table(columns: dict[str, pa.Array], where: str, time: str = "") -> RawTable:
    """Numbers and times of a table.

    Args:
        columns: Name -> values.
        where: The file, for messages.
        time: Column of the time; "" finds it.

    Raises:
        UserError: no rows, no column of times, or no column of numbers.
    """
    if not columns or not len(next(iter(columns.values()))):
        raise UserError(f"{where} holds no rows")
    name = _time_column(list(columns), where, time)
    seconds, unit, notes = _seconds(columns[name], f"{where}, column {name!r}" if name else f"{where}, first column")
    unnamed = [key for key in columns if key in _UNNAMED and key != name]
    known = np.isfinite(seconds)
    if not known.all():
        notes.append(f"{counted(int((~known).sum()), 'row')} without a time left out")
    again = [key for key in columns if key.startswith(f"{name}#") and columns[key].equals(columns[name])]
    rest = {key: values for key, values in columns.items() if key not in (name, *unnamed, *again)}
    if unnamed:
        notes.append("a column without a name (an index?) left out")
    roles = _long_roles(list(rest))
    raw = RawTable(where, seconds[known], {}, unit, notes=notes)
    mask = pa.array(known)
    kept = {key: values.filter(mask) for key, values in rest.items()}
    if roles:
        _fill_long(raw, kept, roles)
    elif service := _service_column(kept, raw.time):
        _fill_by_service(raw, kept, service)
    else:
        raw.values = _numbers(kept, raw.notes)
        if twice := len(raw.time) - len(np.unique(raw.time)):
            notes.append(f"{counted(twice, 'row')} of a time that was there already; averaged")
    if not raw.values:
        raise UserError(f"{where} has no column of numbers beside {name!r}")
    return raw


def _time_column(names: list[str], where: str, given: str) -> str:
    if given:
        if given not in names:
            raise UserError(f"{where} has no column {given!r}{suggestion(given, names[:20])}")
        return given
    found = [name for name in names if _plain(name) in USUAL["time"]]
    found = found or [name for name in names if name in _UNNAMED]
    if not found:
        raise UserError(f"{where} has no column of times (time, timestamp, ts, date); name it with --time COLUMN")
    return found[0]


def _seconds(values: pa.Array, where: str) -> tuple[np.ndarray, str, list[str]]:
    time, wrong, dates = as_time(values)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise UserError(
            f"{where}: {values[row].as_py()!r} in row {row + 1:,} is no time: give numbers, or dates such as "
            "2022-08-22T03:54:00Z"
        )
    known = time[np.isfinite(time)]
    if not len(known):
        raise UserError(f"{where} holds no times")
    if dates:
        zone = "" if _zoned(values) else ", taken as UTC"
        return time, DATES, [f"times are dates ({isoformat(float(known[0]))} is the first{zone})"]
    unit, note = unit_of(known, where)
    return time / PER_SECOND[unit], unit, [note]


def _zoned(values: pa.Array) -> bool:
    if pa.types.is_timestamp(values.type):
        return values.type.tz is not None
    text = next((str(value) for value in values.slice(0, 100).to_pylist() if value), "")
    return bool(re.search(r"(Z|[-+]\d\d:?\d\d)$", text.strip()))


def _long_roles(names: list[str]) -> dict[str, str]:
    """Role -> column when the table is long, else nothing."""
    found = {role: next((name for name in names if _plain(name) in usual), "") for role, usual in _LONG.items()}
    return found if found["metric"] and found["value"] else {}


def _service_column(columns: Mapping[str, pa.Array], time: np.ndarray) -> str:
    """The column of services of a table that has a row for each time and service, else ""."""
    names = [name for name in columns if _plain(name) in _LONG["service"] and _is_text(columns[name])]
    several = [name for name in names if pc.count_distinct(columns[name]).as_py() > 1]
    return several[0] if several and len(np.unique(time)) < len(time) else ""


def _fill_long(raw: RawTable, columns: Mapping[str, pa.Array], roles: Mapping[str, str]) -> None:
    value = _numbers({roles["value"]: columns[roles["value"]]}, raw.notes).get(roles["value"])
    if value is None:
        raise UserError(f"{raw.where}: column {roles['value']!r} holds no numbers")
    metric = _texts(columns[roles["metric"]])
    _fill(raw, value, metric, _texts(columns[roles["service"]]) if roles["service"] else None)
    said = ", ".join(f"{role} in {column!r}" for role, column in roles.items() if column)
    raw.notes.append(f"a long table ({said}): {counted(len(raw.values), 'metric')}")


def _fill_by_service(raw: RawTable, columns: Mapping[str, pa.Array], service: str) -> None:
    numbers = _numbers({name: values for name, values in columns.items() if name != service}, raw.notes)
    if not numbers:
        return
    rows, raw.time = len(raw.time), np.tile(raw.time, len(numbers))
    metric = np.repeat(np.array(list(numbers)), rows)
    _fill(raw, np.concatenate(list(numbers.values())), metric, np.tile(_texts(columns[service]), len(numbers)))
    raw.notes.append(f"a row for each time and service (in {service!r}): {counted(len(raw.values), 'metric')}")


def _texts(values: pa.Array) -> np.ndarray:
    return np.array([text or "" for text in as_text(values).to_pylist()])


def _fill(raw: RawTable, value: np.ndarray, metric: np.ndarray, service: np.ndarray | None) -> None:
    """Samples, at ``raw.time`` each, as columns; a cell given more than once is averaged."""
    names = metric if service is None else np.char.add(np.char.add(service, "_"), metric)
    unique, codes = np.unique(names, return_inverse=True)
    moments, rows = np.unique(raw.time, return_inverse=True)
    known = np.isfinite(value)
    cell = codes[known] * len(moments) + rows[known]
    count = np.bincount(cell, minlength=len(unique) * len(moments)).reshape(len(unique), -1)
    total = np.bincount(cell, value[known], minlength=count.size).reshape(count.shape)
    table = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
    if (count > 1).any():
        raw.notes.append(f"{counted(int((count > 1).sum()), 'cell')} given more than once; averaged")
    measured = np.flatnonzero(count.sum(axis=1)).tolist()
    raw.values = {str(unique[index]): table[index] for index in measured}
    if service is not None:
        first = {str(name): index for index, name in zip(range(len(names))[::-1], names[::-1], strict=True)}
        raw.pairs = {name: (str(service[index]), str(metric[index])) for name, index in first.items()}
    raw.time = moments


def _numbers(columns: Mapping[str, pa.Array], notes: list[str]) -> dict[str, np.ndarray]:
    """The columns that hold numbers; the others, and cells that are none, are noted."""
    found: dict[str, np.ndarray] = {}
    text: dict[str, Any] = {}  # with an example
    empty: list[str] = []
    odd: list[tuple[str, Any, int]] = []
    for name, values in columns.items():
        if pa.types.is_temporal(values.type) or pa.types.is_nested(values.type):
            text[name] = next((one for one in values.slice(0, 100).to_pylist() if one is not None), None)
            continue
        number, wrong = as_number(_switches(values))
        number = np.where(np.isfinite(number), number, np.nan)
        if wrong.sum() > np.isfinite(number).sum():
            text[name] = values[int(np.flatnonzero(wrong)[0])].as_py()
        elif not np.isfinite(number).any():
            empty.append(name)
        else:
            found[name] = number
            if wrong.any():
                odd.append((name, values[int(np.flatnonzero(wrong)[0])].as_py(), int(wrong.sum())))
    told = [f"{name!r} (such as {str(example)[:30]!r})" for name, example in text.items()]
    for names, what in ((told, "of text"), ([repr(name) for name in empty], "without any value")):
        if names:
            shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
            notes.append(f"{counted(len(names), 'column')} {what} left out: {shown}")
    for name, example, times in odd[:3]:
        notes.append(f"column {name!r}: {counted(times, 'cell')} such as {example!r} taken as missing")
    return found


def _switches(values: pa.Array) -> pa.Array:
    """``true`` and ``false`` as 1 and 0, where a column of text holds nothing else."""
    if not _is_text(values):
        return values
    text = pc.utf8_lower(pc.utf8_trim_whitespace(values))
    found = {one for one in pc.unique(text.slice(0, 100)).to_pylist() if one}
    if not found or found - {"true", "false"}:
        return values
    return pc.replace_substring_regex(pc.replace_substring_regex(text, "^true$", "1"), "^false$", "0")


def _is_text(values: pa.Array) -> bool:
    return bool(pa.types.is_string(values.type) or pa.types.is_large_string(values.type))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
