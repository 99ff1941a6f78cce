"""What was read, what was dropped and why, how it was split: said on the screen and kept with the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from graphcl.core.words import counted
from graphcl.data.readers.sniff import separator_name


@dataclass(frozen=True)
class Counts:
    """Rows, and how many different users and items occur in them."""

    rows: int
    users: int
    items: int

    def __str__(self) -> str:
        return ", ".join(counted(getattr(self, name), name[:-1]) for name in ("rows", "users", "items"))


@dataclass(frozen=True)
class Step:
    """One filter: its name with its setting, and the counts before and after."""

    name: str
    before: Counts
    after: Counts

    def __str__(self) -> str:
        return f"{self.name}: {self.before} -> {self.after}"


@dataclass
class DataReport:
    """The record of one reading.

    Attributes:
        source: The name of the card, or the path.
        format: Of the files (``delimited``, ``parquet``, ...).
        files: Role (``all``, ``train``, ``valid``, ``test``, ``items``) -> path.
        separator: Between the columns of a delimited file, sniffed or configured.
        sniffed: Which of ``format`` and ``separator`` were found out, not told.
        encoding: Of the text files.
        columns: Role (``user``, ``item``, ``time``, ``rating``, ``weight``) -> column of the file.
        steps: The filters in the order in which they ran.
        split: Protocol, options and sizes: ``by``, ``valid``, ``sizes``, ``cold``, ...
        split_hash: SHA-256 of the sorted (user, item) ids of the three parts.
        notes: Everything that was decided for the user, one sentence each.
    """

    source: str = ""
    format: str = ""
    files: dict[str, str] = field(default_factory=dict)
    separator: str | None = None
    sniffed: list[str] = field(default_factory=list)
    encoding: str | None = None
    columns: dict[str, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    split: dict[str, Any] = field(default_factory=dict)
    split_hash: str = ""
    notes: list[str] = field(default_factory=list)

    def note(self, sentence: str) -> None:
        """Add a sentence once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> DataReport:
        """The inverse of :meth:`to_dict`."""
        steps = [
            Step(step["name"], Counts(**step["before"]), Counts(**step["after"])) for step in values.get("steps", [])
        ]
        return cls(**{**values, "steps": steps})

    def lines(self) -> list[str]:
        """What the screen says, one fact a line."""
        how = [f"{self.format}{self._found_out('format')}"]
        how += [f"{separator_name(self.separator)}-separated{self._found_out('separator')}"] if self.separator else []
        lines = [f"data {self.source}: {', '.join(how)}"]
        if self.columns:
            lines.append("columns: " + ", ".join(f"{role}={column}" for role, column in self.columns.items()))
        lines += [str(step) for step in self.steps]
        if self.split:
            sizes = ", ".join(f"{name} {size:,}" for name, size in self.split.get("sizes", {}).items())
            lines.append(f"split {self.split['by']}: {sizes} (hash {self.split_hash[:12]})")
        return lines + self.notes

    def _found_out(self, what: str) -> str:
        return " (sniffed)" if what in self.sniffed else ""
