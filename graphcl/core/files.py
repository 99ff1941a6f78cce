"""Nothing half-written: files appear under their name only when they are complete."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from graphcl.core.errors import UserError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside ``path`` that replaces it, synced to disk, when the block ends well.

    Raises:
        UserError: the file cannot be written (no space, no permission); the old one stays.
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        os.close(handle)
        temporary = Path(name)
        yield temporary
        temporary.chmod(0o666 & ~_umask())  # mkstemp's files are for their owner alone, and so are safetensors'
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except (OSError, SafetensorError) as error:
        raise UserError(f"cannot write {path}: {_reason(error)}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _reason(error: Exception) -> str:
    """What the system says, whichever library wrote: safetensors and Arrow wrap it in words of their own."""
    told = re.search(r"\(os error (\d+)\)", str(error))
    number = int(told[1]) if told else getattr(error, "errno", None)
    return os.strerror(number) if number else str(error)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # not every file system syncs folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def creating(folder: Path, *, replace: bool = False) -> Iterator[Path]:
    """A temporary folder beside ``folder`` that takes its name, its files synced, when the block ends well.

    Args:
        folder: New; or an old one, which is there until the new one is complete.
        replace: Whether an old one may be replaced.

    Raises:
        UserError: ``folder`` exists, or cannot be written (no space, no permission).
    """
    folder = Path(folder)
    if folder.exists() and not replace:
        raise UserError(f"{folder} exists already")
    temporary: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=".tmp"))
        yield temporary
        for path in temporary.rglob("*"):
            if path.is_dir():
                path.chmod(0o777 & ~_umask())
                continue
            path.chmod(0o666 & ~_umask())
            with path.open("rb+") as file:
                os.fsync(file.fileno())
        temporary.chmod(0o777 & ~_umask())  # mkdtemp's folder is for its owner alone
        _take_place(temporary, folder, replace)
        _sync_folder(folder.parent)
    except (OSError, SafetensorError) as error:
        raise UserError(f"cannot write {folder}: {_reason(error)}") from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _take_place(new: Path, folder: Path, replace: bool) -> None:
    """Rename, and let an old folder go only when the new one stands there."""
    old = new.with_suffix(".old")
    if replace and folder.exists():
        folder.rename(old)
    try:
        new.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def require_place(folder: Path) -> None:
    """Refuse a folder in which nothing can be written, before the work for it is done.

    Raises:
        UserError: it, or the nearest folder above it that exists, is no folder or is closed to us.
    """
    place = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not place.is_dir():
        raise UserError(f"cannot write into {folder}: {place} is no folder")
    if not os.access(place, os.W_OK | os.X_OK):
        raise UserError(f"cannot write into {folder}: no permission in {place}")


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically, keys in the order given; NaN is refused."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises:
        UserError: the file is missing, or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}") from error
