"""Files of a folder in which a folder is a class, and ``train``, ``val`` and ``test`` may be parts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from graphcl.core.words import counted
from graphcl.data.graphs.splits import PARTS

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


def list_files(folder: Path) -> list[Listed]:
    """The files at any depth, those of a part together and sorted by their place; nothing hidden. A file is itself."""
    if folder.is_file():
        return [Listed(folder, folder.name, "", "")]
    parts = {part: next((folder / n for n in names if (folder / n).is_dir()), None) for part, names in _FOLDERS.items()}
    if parts["train"] is None or parts["test"] is None:
        return list(_below(folder, folder, ""))
    return [file for part in PARTS if (base := parts[part]) is not None for file in _below(folder, base, part)]


def _below(folder: Path, base: Path, part: str) -> Iterator[Listed]:
    found = []
    for at, folders, names in os.walk(base):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(at) / name for name in names if not name.startswith(".")]
    for path in sorted(path for path in found if path.is_file()):
        inside = path.relative_to(base).parts
        yield Listed(path, path.relative_to(folder).as_posix(), inside[0] if len(inside) > 1 else "", part)


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
