"""The columns of a file or a pandas frame as they are, each under a name of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from graphcl.core.errors import UserError
from graphcl.data.readers import ReadOptions, open_table
from graphcl.data.readers.delimited import DelimitedTable
from graphcl.data.readers.detect import BY_SUFFIX
from graphcl.data.text import encoding_of, require_file


class _MetricsText(DelimitedTable):
    """Delimited text whose columns may share a name; the second ``x`` becomes ``x#2``."""

    advice = ""  # there is no option for the separator, which is always found out

    def column_names(self, first: list[str]) -> list[str]:
        """The names, each once."""
        return unique_names(super().column_names(first), self.notes)

    def _check_header(self, first: list[str]) -> None:
        if all(re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?", name) for name in first):
            raise UserError(f"{self.path} has no header; its first line must name the columns: time,cart_cpu,...")


def unique_names(names: Sequence[str], notes: list[str]) -> list[str]:
    """Names of which none occurs twice; what was renamed is noted."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    if several := [name for name, times in seen.items() if times > 1]:
        notes.append(f"names that occur more than once, such as {several[0]!r}, are numbered #2, #3")
    return found


def read_columns(path: Path) -> tuple[dict[str, pa.Array], list[str]]:
    """The columns of a file as they are, and what was decided while reading."""
    require_file(path)
    suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    if BY_SUFFIX.get(suffix.lower()) in ("parquet", "jsonl"):
        table = open_table(path, "", ReadOptions())
    else:
        encoding = encoding_of(path)
        table = _MetricsText(path, ReadOptions(encoding=encoding))
        if encoding != "utf-8":
            table.notes.append(f"{path} is not utf-8; read as {encoding}")
    found: dict[str, list[pa.Array]] = {name: [] for name in table.columns}
    for chunk in table.chunks(table.columns):
        for name, values in chunk.items():
            found[name].append(values)
    joined = {name: pa.chunked_array(parts).combine_chunks() for name, parts in found.items() if parts}
    return joined, table.notes


def frame_columns(frame: pd.DataFrame) -> tuple[dict[str, pa.Array], list[str]]:
    """The columns of a pandas frame; an index of times is the column ``time``."""
    if isinstance(frame.index, pd.DatetimeIndex):
        frame = frame.rename_axis("time").reset_index()
    notes: list[str] = []
    names = unique_names([str(name) for name in frame.columns], notes)
    try:
        return {name: pa.array(frame.iloc[:, i], from_pandas=True) for i, name in enumerate(names)}, notes
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        return {name: pa.array(frame.iloc[:, i].astype(str)) for i, name in enumerate(names)}, notes
