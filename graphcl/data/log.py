"""A log in memory: one row an event, ids as integer codes. Read here, filtered and split elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pyarrow as pa

from graphcl.core.errors import UserError
from graphcl.core.words import counted
from graphcl.data.interactions import Ids, Pairs
from graphcl.data.readers.base import Chunk, Table
from graphcl.data.report import Counts, DataReport
from graphcl.data.values import Vocabulary, as_number, as_time

TRAIN, VALID, TEST = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Log:
    """Events in the order of the file.

    Attributes:
        users: int32 [n] positions in ``user_ids``.
        items: int32 [n] positions in ``item_ids``.
        user_ids: Every user of the file; after filtering, some may have no row.
        item_ids: Likewise.
        rating: float32 [n] or None.
        weight: float32 [n] or None.
        time: int64 or float64 [n] or None.
        part: int8 [n] of TRAIN, VALID, TEST where the files give the split, else None.
    """

    users: np.ndarray
    items: np.ndarray
    user_ids: Ids
    item_ids: Ids
    rating: np.ndarray | None = None
    weight: np.ndarray | None = None
    time: np.ndarray | None = None
    part: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.users)

    def take(self, rows: np.ndarray) -> Log:
        """The events at these positions, or where this mask is true."""
        columns = ("users", "items", "rating", "weight", "time", "part")
        return replace(self, **{c: getattr(self, c)[rows] for c in columns if getattr(self, c) is not None})

    def counts(self) -> Counts:
        """Rows, and the users and items that occur in them."""
        users = np.count_nonzero(np.bincount(self.users, minlength=1)) if len(self) else 0
        items = np.count_nonzero(np.bincount(self.items, minlength=1)) if len(self) else 0
        return Counts(len(self), int(users), int(items))

    def keys(self) -> np.ndarray:
        """int64 [n], equal exactly for rows of the same user and item."""
        return self.users.astype(np.int64) * len(self.item_ids) + self.items

    def compact(self) -> Log:
        """Without the ids that no row uses; the order of the others stays."""
        user_ids, users = _used(self.user_ids, self.users)
        item_ids, items = _used(self.item_ids, self.items)
        return replace(self, user_ids=user_ids, item_ids=item_ids, users=users, items=items)

    def pairs(self) -> Pairs:
        """The events without their ratings."""
        return Pairs(self.users.astype(np.int64), self.items.astype(np.int64), self.weight, self.time)


def read_log(
    tables: Mapping[str, Table],
    columns: Mapping[str, Mapping[str, str]],
    missing: Literal["error", "drop"],
    report: DataReport,
) -> Log:
    """Read files into one log, in one pass and in chunks.

    Args:
        tables: ``all``, or ``train`` / ``valid`` / ``test`` -> opened file.
        columns: The same keys -> role -> column.
        missing: What happens to a row without a user, an item, or a finite number that was asked for.
        report: Gets the counts of what was dropped.

    Raises:
        UserError: no rows, missing values under ``error``, a number or a time that is none.
    """
    users, items = Vocabulary(), Vocabulary()
    pieces: list[dict[str, np.ndarray]] = []
    for name, table in tables.items():
        start = len(pieces)
        part = {"train": TRAIN, "valid": VALID, "test": TEST}.get(name)
        pieces += _Reading(table, columns[name], users, items).pieces(missing, part, report)
        if not any(len(piece["users"]) for piece in pieces[start:]):
            raise UserError(f"{table.path} has no rows" + (" that can be used" if len(pieces) > start else ""))
        for sentence in table.notes:
            report.note(sentence)
    joined = {column: np.concatenate([piece[column] for piece in pieces]) for column in pieces[0]}
    return Log(**joined, user_ids=users.ids(), item_ids=items.ids())


class _Reading:
    """One file on its way into the log."""

    def __init__(self, table: Table, columns: Mapping[str, str], users: Vocabulary, items: Vocabulary) -> None:
        self.table = table
        self.columns = columns
        self.users = users
        self.items = items
        self.dates: bool | None = None
        self.lacking: dict[str, tuple[int, int]] = {}  # role -> (rows, first row)

    def pieces(self, missing: str, part: int | None, report: DataReport) -> list[dict[str, np.ndarray]]:
        wanted = list(dict.fromkeys(self.columns.values()))
        result, row = [], 0
        for chunk in self.table.chunks(wanted):
            piece, length = self._piece(chunk, row)
            if part is not None:
                piece["part"] = np.full(len(piece["users"]), part, dtype=np.int8)
            result.append(piece)
            row += length
        self._settle(missing, report)
        return result

    def _piece(self, chunk: Chunk, row: int) -> tuple[dict[str, np.ndarray], int]:
        """The chunk as arrays, without the rows that lack something."""
        piece: dict[str, np.ndarray] = {}
        length = len(next(iter(chunk.values())))
        good = np.ones(length, dtype=bool)
        for role, column in self.columns.items():
            values = chunk[column]
            if role in ("user", "item"):
                piece[role + "s"], bad = self._encode(role, values)
            else:
                piece[role], bad = self._number(role, values, row)
            if bad.any():
                rows, first = self.lacking.get(role, (0, row + int(bad.argmax())))
                self.lacking[role] = rows + int(bad.sum()), first
                good &= ~bad
        return (piece if good.all() else {name: values[good] for name, values in piece.items()}), length

    def _encode(self, role: str, values: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        try:
            codes = (self.users if role == "user" else self.items).encode(values)
        except UserError as error:
            raise UserError(f"{self.table.path}, column {self.columns[role]!r}: {error}") from error
        return codes, codes < 0

    def _number(self, role: str, values: pa.Array, row: int) -> tuple[np.ndarray, np.ndarray]:
        """The values of a rating, weight or time column, and where they are missing or not finite."""
        if role != "time":
            number, wrong = as_number(values)
            self._refuse(role, values, wrong, row)
            return number.astype(np.float32), ~np.isfinite(number)
        number, wrong, dates = as_time(values)
        if self.dates is not None and dates != self.dates:
            wrong = np.isfinite(number) | wrong
        self._refuse(role, values, wrong, row)
        if np.isfinite(number).any():
            self.dates = dates
        return number, ~np.isfinite(number)

    def _refuse(self, role: str, values: pa.Array, wrong: np.ndarray, row: int) -> None:
        if wrong.any():
            first = int(wrong.argmax())
            kind = (
                "a number, or a date like 2024-01-31 12:00:00, as elsewhere in the column"
                if role == "time"
                else "a number"
            )
            raise UserError(
                f"{self.table.path} {self.table.where(row + first)}: {self.columns[role]} is "
                f"{values[first].as_py()!r}, not {kind}"
            )

    def _settle(self, missing: str, report: DataReport) -> None:
        """Refuse or report the rows that lack something."""
        for role, (rows, first) in self.lacking.items():
            what = f"no {role} id" if role in ("user", "item") else f"no finite {role}"
            where = f"column {self.columns[role]!r}, first at {self.table.where(first)}"
            if missing == "error":
                raise UserError(
                    f"{self.table.path}: {counted(rows, 'row')} with {what} ({where}); mend them or set "
                    "data.missing=drop"
                )
            report.note(f"{self.table.path.name}: dropped {counted(rows, 'row')} with {what} ({where})")


def _used(ids: Ids, codes: np.ndarray) -> tuple[Ids, np.ndarray]:
    used = np.zeros(len(ids), dtype=bool)
    used[codes] = True
    if used.all():
        return ids, codes
    return Ids(ids.values[used]), (np.cumsum(used, dtype=np.int32) - 1)[codes]
