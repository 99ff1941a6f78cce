"""Which files of a path are read, and as what: one log, the parts of a split, the names of items."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from graphcl.core.errors import UserError, nearest
from graphcl.data.splits import Files, Split

_DATA_SUFFIXES = frozenset({
    ".csv", ".tsv", ".txt", ".dat", ".parquet", ".pq", ".json", ".jsonl", ".ndjson", ".npz", ".inter",
})  # fmt: skip
_PARTS = {"train": ("train", "training"), "valid": ("valid", "validation", "val", "dev"), "test": ("test", "testing")}


@dataclass(frozen=True)
class Layout:
    """What to read.

    Attributes:
        files: ``all``, or ``train``, ``test`` and perhaps ``valid`` -> file.
        items: File with the names of items, found or given.
        notes: What was found without being named.
    """

    files: dict[str, Path]
    items: Path | None = None
    notes: tuple[str, ...] = ()


def find_files(path: Path | None, split: Split, items: str = "") -> Layout:
    """The files of a path under a protocol.

    Args:
        path: A file, a folder, or None when ``split.files`` says all.
        split: Its ``by`` and ``files`` decide what is looked for.
        items: Item file as the user gave it; relative to the folder when it is there, or to where we run.

    Raises:
        UserError: nothing to read, several files that could be meant, or a train file without a test file.
    """
    folder = path if path is not None and path.is_dir() else None
    if split.files is not None:
        layout = Layout(_given(split.files, folder))
    elif path is None:
        raise UserError("no data: set data.name, data.path or data.split.files")
    elif folder is None:
        layout = Layout({"all": path})
    else:
        layout = _in_folder(folder, split)
    found = _beside(items, folder) if items else layout.items
    if split.by == "given" and "train" not in layout.files:
        raise UserError(f"{path} holds no train and test files; name them: data.split.files.train=, ...test=")
    if split.by not in ("", "given") and len(layout.files) > 1:
        note = f"the files {_listed(layout.files.values())} were joined and split anew ({split.by})"
        return Layout(layout.files, found, (*layout.notes, note))
    return Layout(layout.files, found, layout.notes)


def _given(files: Files, folder: Path | None) -> dict[str, Path]:
    if not files.train or not files.test:
        raise UserError("data.split.files needs both train and test")
    named = {"train": files.train, "valid": files.valid, "test": files.test}
    return {part: _beside(name, folder) for part, name in named.items() if name}


def _beside(name: str, folder: Path | None) -> Path:
    inside = folder / name if folder is not None else Path(name)
    return inside if inside.exists() or not Path(name).exists() else Path(name)


def _in_folder(folder: Path, split: Split) -> Layout:
    names = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    atomic = [p for p in names if p.suffix == ".inter"]
    candidates = atomic or [p for p in names if _suffix(p) in _DATA_SUFFIXES]
    parts = {part: [p for p in candidates if _is_part(p, words)] for part, words in _PARTS.items()}
    items = [p for p in names if p.suffix == ".item"]
    item_file = items[0] if len(items) == 1 else None
    if parts["train"] and parts["test"]:
        for part, found in parts.items():
            if len(found) > 1:
                raise UserError(
                    f"{folder} has several {part} files: {_listed(found)}; name one: data.split.files.{part}="
                )
        files = {part: found[0] for part, found in parts.items() if found}
        return Layout(files, item_file, (f"{folder.name}: read {_listed(files.values())}",))
    if len(candidates) == 1:
        return Layout({"all": candidates[0]}, item_file, (f"{folder.name}: read {candidates[0].name}",))
    holds = _listed(names[:10]) if names else "no files"
    raise UserError(f"{folder} holds {holds}: set data.path to one file, or data.split.files.train= and ...test=")


def _is_part(path: Path, words: Iterable[str]) -> bool:
    """``train.txt``, ``training.set.csv``, ``ml.train.inter``: one of the words stands alone in the name."""
    return any(piece.lower() in words for piece in path.name.replace("-", ".").replace("_", ".").split("."))


def _suffix(path: Path) -> str:
    return (path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix).lower()


def _listed(paths: Iterable[Path]) -> str:
    return ", ".join(path.name for path in paths)


def existing(path: Path) -> Path:
    """The path, if there is something.

    Raises:
        UserError: nothing there; names the nearest.
    """
    if path.exists():
        return path
    beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    match = nearest(path.name, beside)
    raise UserError(f"data.path={path} does not exist" + (f"; nearest: {match!r}" if match else ""))
