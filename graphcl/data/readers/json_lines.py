"""JSON lines: one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from graphcl.core.errors import UserError
from graphcl.data.readers.base import CHUNK_ROWS, Chunk, ReadOptions, Table
from graphcl.data.text import open_text

_SAMPLE = 100


class JsonLinesTable(Table):
    """Objects with the keys as columns; the columns are the keys of the first 100 objects.

    A key that an object lacks counts as missing. Numbers that are ids keep their digits (12 is ``"12"``).
    """

    format = "jsonl"

    def __init__(self, path: Path, options: ReadOptions) -> None:
        super().__init__(path, options)
        with open_text(path, options.encoding) as lines:
            for _, row in islice(self._objects(lines), _SAMPLE):
                self.columns += [key for key in row if key not in self.columns]
        if not self.columns:
            raise UserError(f"{path} is empty: it holds no JSON object")
        self._lines: list[int] = []

    def chunks(self, columns: Sequence[str]) -> Iterator[Chunk]:
        """The values as strings; null and a missing key are null.

        Raises:
            UserError: a line that is no JSON object, or a value that is a list or an object.
        """
        with open_text(self.path, self.options.encoding) as lines:
            objects = self._objects(lines)
            while rows := list(islice(objects, CHUNK_ROWS)):
                self._lines += [number for number, _ in rows]
                yield {
                    column: pa.array([self._text(row.get(column), column, number) for number, row in rows], pa.string())
                    for column in columns
                }

    def where(self, row: int) -> str:
        """The line of an object."""
        return f"line {self._lines[row]:,}"

    def _objects(self, lines: Iterable[str]) -> Iterator[tuple[int, dict[str, Any]]]:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise UserError(
                    f"{self.path} line {number:,} is not JSON ({error}); one object a line is expected"
                ) from error
            if not isinstance(row, dict):
                raise UserError(f"{self.path} line {number:,} is no JSON object; one object a line is expected")
            yield number, row

    def _text(self, value: Any, column: str, number: int) -> str | None:
        if value is None or (isinstance(value, str) and value.isascii()):
            return value
        if isinstance(value, str):
            if any("\ud800" <= character <= "\udfff" for character in value):
                raise UserError(f"{self.path} line {number:,}: {column!r} is {value!r}, which is no valid Unicode text")
            return value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UserError(f"{self.path} line {number:,}: {column!r} is {value!r}; text or a number is expected")
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        return str(value)
