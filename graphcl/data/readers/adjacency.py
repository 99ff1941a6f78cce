"""One user a line with all of his items: the layouts of LightGCN, SELFRec and their relatives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from graphcl.core.errors import UserError
from graphcl.data.readers.base import CHUNK_ROWS, Chunk, ReadOptions, Table
from graphcl.data.text import open_text


class AdjacencyTable(Table):
    """``u i1 i2 ...``: a user, then his items, separated by spaces or tabs.

    ``position`` is an item's place in its line; among interactions it counts as time only if you say so
    (``data.time=position``); a history is in the order of its line anyway.
    """

    format = "adjacency"
    user_a_line = True

    def __init__(self, path: Path, options: ReadOptions) -> None:
        super().__init__(path, options)
        self.columns = ["user", "item", "position"]
        self.roles = {"user": "user", "item": "item"}
        self._starts: list[tuple[int, int]] = []

    def chunks(self, columns: Sequence[str]) -> Iterator[Chunk]:
        """The pairs in the order of the file; a user without items gives none, and is counted."""
        users: list[str] = []
        items: list[str] = []
        lengths: list[int] = []
        done, without = 0, 0
        with open_text(self.path, self.options.encoding) as lines:
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                user, row = self.parse(line, number)
                without += not row
                self._starts.append((done + len(items), number))
                users.append(user)
                lengths.append(len(row))
                items += row
                if len(items) >= CHUNK_ROWS:
                    yield _chunk(users, lengths, items, columns)
                    done += len(items)
                    users, lengths, items = [], [], []
        if items:
            yield _chunk(users, lengths, items, columns)
        if without:
            self.notes.append(f"{self.path.name}: {without:,} lines hold a user and no item")

    def parse(self, line: str, number: int) -> tuple[str, list[str]]:
        """The user and his items of one line."""
        user, *items = line.split()
        return user, items

    def where(self, row: int) -> str:
        """The line that holds a pair."""
        position = int(np.searchsorted([start for start, _ in self._starts], row, side="right")) - 1
        return f"line {self._starts[position][1]:,}"


class SequenceTable(AdjacencyTable):
    """``u:i1 i2 ...``: a user and his items in the order of time, as in SELFRec's sequential sets."""

    format = "sequence"

    def __init__(self, path: Path, options: ReadOptions) -> None:
        super().__init__(path, options)
        self.roles = {"user": "user", "item": "item", "time": "position"}

    def parse(self, line: str, number: int) -> tuple[str, list[str]]:
        """The user before the first colon, the items behind it."""
        user, colon, items = line.partition(":")
        if not colon:
            raise UserError(f"{self.path} line {number:,} has no colon; format sequence is `user:item item ...`")
        return user.strip(), items.split()


def _chunk(users: list[str], lengths: list[int], items: list[str], columns: Sequence[str]) -> Chunk:
    counts = np.asarray(lengths)
    rows = np.repeat(np.arange(len(users)), counts)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    every = {
        "user": lambda: pa.array(users, pa.string()).take(pa.array(rows)),
        "item": lambda: pa.array(items, pa.string()),
        "position": lambda: pa.array(np.arange(len(items)) - starts),
    }
    return {column: every[column]() for column in columns}
