"""What every reader gives: the names of the columns before the bulk is read, then the rows in chunks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pyarrow as pa

#: Column -> values; all of one length.
Chunk = dict[str, pa.Array]

#: Rows a chunk has at most in the readers that choose; 10^7 rows stay far below the memory of the arrays made of them.
CHUNK_ROWS = 1 << 18


@dataclass(frozen=True)
class ReadOptions:
    """How text is read.

    Attributes:
        separator: The character between columns; "" is sniffed.
        encoding: Of text files, as Python names it.
    """

    separator: str = ""
    encoding: str = "utf-8"


class Table(ABC):
    """One file, opened. The constructor reads no more than it needs for ``columns``.

    Attributes:
        format: Registered name of the format.
        user_a_line: Whether a line holds all of a user, so that places in it are not shared with other users.
        columns: Names of the columns, in the order of the file.
        roles: Role -> column, where the format itself says so (``user``, ``item``, ``time``).
        separator: Between columns, or None where the format has none.
        sniffed: Which of ``format`` and ``separator`` were found out, not told.
        notes: What was decided while opening and reading, one sentence each.
    """

    format: ClassVar[str]
    user_a_line: ClassVar[bool] = False

    def __init__(self, path: Path, options: ReadOptions) -> None:
        self.path = path
        self.options = options
        self.columns: list[str] = []
        self.roles: Mapping[str, str] = {}
        self.separator: str | None = None
        self.sniffed: list[str] = []
        self.notes: list[str] = []

    @abstractmethod
    def chunks(self, columns: Sequence[str]) -> Iterator[Chunk]:
        """The rows, some at a time, with these columns."""

    def where(self, row: int) -> str:
        """A row (0-based) as a person finds it in the file."""
        return f"row {row + 1:,}"
