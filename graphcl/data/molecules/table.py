"""SMILES, labels and names out of a user's table."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from graphcl.core.errors import UserError, suggestion
from graphcl.core.words import counted
from graphcl.data.text import open_bytes, reading, require_file

SUFFIXES = (".csv", ".tsv", ".smi", ".csv.gz", ".tsv.gz", ".smi.gz")
#: What columns are called, without regard to case; of several that are there, the first of these.
SMILES = ("smiles", "canonical_smiles", "isomeric_smiles", "smile", "mol", "molecule", "structure")
LABELS = ("label", "labels", "class", "y", "target")
IDS = ("id", "name", "cid", "mol_id", "molecule_id", "chembl_id")


@dataclass
class RawMolecules:
    """Rows of a table.

    Attributes:
        smiles: As they were written.
        labels: "" where there is none.
        ids: The user's own, different from each other.
        source: Where they come from, for messages.
        columns: Role -> column.
        notes: What was found and left out.
    """

    smiles: list[str]
    labels: list[str]
    ids: list[str]
    source: str
    columns: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def is_table_of_molecules(path: Path) -> bool:
    """Whether a file is a list of SMILES, or a table with a column that is called so."""
    if not path.name.lower().endswith(SUFFIXES):
        return False
    if path.name.lower().endswith((".smi", ".smi.gz")):
        return True
    try:
        with open_bytes(path) as file:
            first = file.readline(1 << 16).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeError):
        return False
    return _named(_fields(first, _separator(first)), SMILES) is not None


def read_molecule_table(path: Path, smiles: str = "", label: str = "") -> RawMolecules:
    """Read a ``.csv`` or ``.tsv`` with a header, or a ``.smi`` (SMILES, then a name, on each line).

    Args:
        path: May be compressed by gzip.
        smiles: Its column; "" finds it by its name.
        label: Its column; "" finds it by its name, and takes none where there is none of these.

    Raises:
        UserError: the file cannot be read, has no such column, or no rows.
    """
    require_file(path)
    if not path.name.lower().endswith(SUFFIXES):
        raise UserError(f"data.path: {path} is no table of molecules: it ends in none of {', '.join(SUFFIXES)}")
    with reading(path), open_bytes(path) as file:
        text = file.read().decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    return _listed(text, path) if path.name.lower().endswith((".smi", ".smi.gz")) else _table(text, path, smiles, label)


def _listed(text: str, path: Path) -> RawMolecules:
    """Lines of SMILES and names."""
    lines = text.split("\n")
    rows = [line.split(maxsplit=1) for line in lines if line.strip()]
    if not rows:
        raise UserError(f"{path} has no rows")
    smiles = [row[0] for row in rows]
    names = [row[1].strip() if len(row) > 1 else "" for row in rows]
    found = RawMolecules(smiles, [""] * len(rows), _different(names, smiles), str(path), {"smiles": "the first"})
    _note_empty(found, len(lines) - 1 - len(rows))
    return found


def _table(text: str, path: Path, smiles: str, label: str) -> RawMolecules:
    head, _, body = text.lstrip("\n").partition("\n")
    separator = _separator(head)
    names = _fields(head, separator)
    columns = {"smiles": _column(names, smiles, SMILES, path, "smiles"),
               "label": _column(names, label, LABELS, path, "label"),
               "id": _named(names, IDS)}  # fmt: skip
    if columns["smiles"] is None:
        raise UserError(f"{path}: no column of SMILES among {', '.join(names)}; name it with data.smiles=COLUMN")
    empty = body.removesuffix("\n").split("\n").count("")
    whole, other = _rows(body, separator, len(names), path)
    if not whole:
        raise UserError(f"{path} has a header and no rows")
    of = {role: names.index(name) for role, name in columns.items() if name is not None}
    given = [row[of["smiles"]].strip() for row in whole]
    found = RawMolecules(
        given,
        [row[of["label"]].strip() for row in whole] if "label" in of else [""] * len(whole),
        _different([row[of["id"]].strip() for row in whole] if "id" in of else [], given),
        str(path),
        {role: name for role, name in columns.items() if name is not None},
    )
    _note_empty(found, empty)
    if other:
        found.notes.append(f"skipped {counted(other, 'line')}, of more or fewer fields than the header's {len(names)}")
    if "label" not in of:
        found.notes.append(f"no column of labels (one called {', '.join(LABELS)}, or data.label=COLUMN)")
    return found


def _rows(body: str, separator: str, width: int, path: Path) -> tuple[list[list[str]], int]:
    """The rows of as many fields as the header has, and how many others there are."""
    whole, other = [], 0
    try:
        for row in csv.reader(io.StringIO(body), delimiter=separator):
            if len(row) == width:
                whole.append(row)
            else:
                other += bool(row)
    except csv.Error as error:
        raise UserError(f"{path}: cannot be read as a table: {error}") from error
    return whole, other


def _note_empty(found: RawMolecules, count: int) -> None:
    if count:
        found.notes.append(f"skipped {counted(count, 'empty line')}")


def _fields(line: str, separator: str) -> list[str]:
    return [name.strip() for name in next(csv.reader([line.strip("\r\n")], delimiter=separator), [])]


def _separator(line: str) -> str:
    return max(",\t;", key=line.count)


def _named(names: Sequence[str], known: Sequence[str]) -> str | None:
    """The first of the known names that is there, as it is written there."""
    lower = {name.lower(): name for name in reversed(names)}
    return next((lower[name] for name in known if name in lower), None)


def _column(names: list[str], asked: str, known: Sequence[str], path: Path, option: str) -> str | None:
    if asked and asked not in names:
        raise UserError(f"data.{option}: {path} has no column {asked!r}{suggestion(asked, names)}")
    return asked or _named(names, known)


def _different(names: list[str], smiles: list[str]) -> list[str]:
    """The names where none is empty or occurs twice; else the SMILES, a second of which is numbered."""
    if names and all(names) and len(set(names)) == len(names):
        return names
    return list(_numbered(smiles))


def _numbered(values: list[str]) -> Iterator[str]:
    seen: Counter[str] = Counter()
    for value in values:
        seen[value] += 1
        yield value if seen[value] == 1 else f"{value} #{seen[value]}"
