"""Files of a folder in which a folder is a class, and ``train``, ``val`` and ``test`` may be parts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graphcl.core.words import counted
from graphcl.data.graphs.splits import PARTS

_FORBIDDEN = "that may not be read"
_FOLDERS = {"train": ("train",), "valid": ("val", "valid"), "test": ("test",)}


@dataclass(frozen=True)
class Listed:
    """A file.

    Attributes:
        path: Where it lies.
        name: The same below the folder that was listed.
        label: Name of the outermost folder that it is in; "" for none.
        part: ``train``, ``valid`` or ``test``; "" where the folder has no parts.
    """

    path: Path
    name: str
    label: str
    part: str


class Skipped:
    """What was left out and why, with the first of each reason."""

    def __init__(self) -> None:
        self._names: dict[str, list[str]] = {}

    def add(self, why: str, name: str) -> None:
        """Count one."""
        self._names.setdefault(why, []).append(name)

    def notes(self, what: str = "file") -> list[str]:
        """A sentence a reason."""
        return [
            f"skipped {counted(len(names), what)}, {why} (the first: {names[0]})" for why, names in self._names.items()
        ]


def list_files(folder: Path, skipped: Skipped | None = None) -> list[Listed]:
    """The files at any depth, those of a part together and sorted by their place; nothing hidden. A file is itself.

    Args:
        folder: Where to look.
        skipped: Told of the files and folders that may not be read; they are left out.
    """
    skipped = Skipped() if skipped is None else skipped
    if folder.is_file():
        return _readable([Listed(folder, folder.name, "", "")], skipped)
    if not os.access(folder, os.R_OK | os.X_OK):
        skipped.add(_FORBIDDEN, folder.name)
        return []
    parts = {part: next((folder / n for n in names if (folder / n).is_dir()), None) for part, names in _FOLDERS.items()}
    if parts["train"] is None or parts["test"] is None:
        return _readable(_below(folder, folder, "", skipped), skipped)
    bases = [(part, base) for part in PARTS if (base := parts[part]) is not None]
    return _readable((file for part, base in bases for file in _below(folder, base, part, skipped)), skipped)


def _readable(files: Iterable[Listed], skipped: Skipped) -> list[Listed]:
    kept = []
    for file in files:
        if os.access(file.path, os.R_OK):
            kept.append(file)
        else:
            skipped.add(_FORBIDDEN, file.name)
    return kept


def _below(folder: Path, base: Path, part: str, skipped: Skipped) -> Iterator[Listed]:
    found = []
    for at, folders, names in os.walk(base, onerror=lambda error: skipped.add(_FORBIDDEN, str(error.filename))):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(at) / name for name in names if not name.startswith(".")]
    for path in sorted(path for path in found if path.is_file()):
        inside = path.relative_to(base).parts
        yield Listed(path, path.relative_to(folder).as_posix(), inside[0] if len(inside) > 1 else "", part)


def classes_of(labels: list[str], notes: list[str]) -> np.ndarray | None:
    """The folders of files as labels; None where there is none, or one alone, which has nothing to be told from.

    Args:
        labels: Of each file its folder, "" for none.
        notes: Told of a folder alone: nobody meant it as a class.
    """
    named = sorted({*labels} - {""})
    if len(named) == 1:
        notes.append(f"one class alone, {named[0]}, and nothing to tell it from: read as without labels")
    return np.array(labels, dtype=object) if len(named) > 1 else None
