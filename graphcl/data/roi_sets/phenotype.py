"""Who the scanned are: a table with a row a scan, beside the files of a user's folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from graphcl.core.errors import UserError, suggestion
from graphcl.core.words import counted
from graphcl.data.text import reading

#: Ids of people without a scan.
NO_SCAN = ("", "no_filename")
#: How the name of such a table begins, and how it ends.
STEMS, SUFFIXES = ("labels", "participants", "phenotyp"), (".csv", ".tsv")
#: What columns are called, without regard to case; of several that are there, the first of these.
IDS = ("file_id", "file", "filename", "id", "participant_id", "subject_id", "subject", "sub_id", "scan", "name")
LABELS = ("label", "labels", "class", "y", "target", "diagnosis", "dx_group", "dx")
GROUPS = ("site", "site_id", "scanner", "center", "centre", "group", "groups")


@dataclass(frozen=True)
class Phenotypes:
    """Rows of a table.

    Attributes:
        labels: Id -> label, "" where unknown.
        groups: Id -> site or the like; empty where no column says it.
        columns: Role -> column.
        source: The table.
    """

    labels: dict[str, str]
    groups: dict[str, str]
    columns: dict[str, str] = field(default_factory=dict)
    source: str = ""

    def row_of(self, name: str) -> str | None:
        """The id that a file's name is, or begins with (``NYU_1`` of ``NYU_1_rois_cc200``); the longest of several."""
        if name in self.labels:
            return name
        ends = [at for at, sign in enumerate(name) if sign in "_-." and name[:at] in self.labels]
        return name[: ends[-1]] if ends else None


def is_phenotypes(path: Path) -> bool:
    """Whether a file is such a table, by its name."""
    return path.name.lower().startswith(STEMS) and path.suffix.lower() in SUFFIXES


def read_phenotypes(path: Path, label: str = "", group: str = "") -> Phenotypes:
    """Read a ``.csv`` or ``.tsv`` with a header.

    Args:
        path: The table.
        label: Column of the class; "" finds it by its name.
        group: Column of the site, or what else parts scans; "" finds it by its name.

    Raises:
        UserError: it cannot be read, has no column of ids, or lacks a column that was asked for.
    """
    with reading(path):
        try:
            between = "\t" if path.suffix.lower() == ".tsv" else ","
            table = pd.read_csv(path, sep=between, dtype=str, encoding="utf-8-sig")
        except (pd.errors.EmptyDataError, pd.errors.ParserError) as error:
            raise UserError(f"{path}: cannot be read as a table: {error}") from error
    table = table.fillna("")
    names = [str(name) for name in table.columns]
    known = {"id": _column(names, "", IDS, path, ""), "label": _column(names, label, LABELS, path, "label"),
             "group": _column(names, group, GROUPS, path, "group")}  # fmt: skip
    columns = {role: name for role, name in known.items() if name}
    if "id" not in columns:
        raise UserError(f"{path}: no column of the files' names (called {', '.join(IDS[:4])}) among {', '.join(names)}")
    ids = [_stem(value.strip()) for value in table[columns["id"]]]
    values = {role: [v.strip() for v in table[columns[role]]] for role in ("label", "group") if role in columns}
    named = [one for one in ids if one not in NO_SCAN]
    twice = len(named) - len(set(named))
    if twice:
        raise UserError(
            f"{path}: {counted(twice, 'row')} too many: column {columns['id']!r} names a scan more than once"
        )
    labels = dict(zip(ids, values.get("label", [""] * len(ids)), strict=True))
    groups = dict(zip(ids, values["group"], strict=True)) if "group" in values else {}
    return Phenotypes(labels, groups, columns, str(path))


def _stem(name: str) -> str:
    """A file's name without its folder and ending."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    stem, _, ending = last.rpartition(".")
    return stem if ending.lower() in ("csv", "tsv", "1d", "txt", "npy", "npz") else last


def _column(names: list[str], asked: str, known: Sequence[str], path: Path, option: str) -> str:
    if asked and asked not in names:
        raise UserError(f"data.{option}: {path} has no column {asked!r}{suggestion(asked, names)}")
    lower = {name.lower(): name for name in reversed(names)}
    return asked or next((lower[name] for name in known if name in lower), "")
