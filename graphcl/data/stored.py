"""A folder of data as a run keeps it: ``data.json`` with the format's version beside files of tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from graphcl.core.errors import UserError
from graphcl.core.files import read_json, write_json

VERSION = 1
_HEADER = "data.json"


def write_header(folder: Path, values: Mapping[str, Any]) -> None:
    """Write what :func:`reading` gives."""
    write_json(folder / _HEADER, {"version": VERSION, **values})


@contextmanager
def reading(folder: Path) -> Iterator[dict[str, Any]]:
    """The header of a folder, while its other files are read.

    Raises:
        UserError: not such a folder, of another format version, or one of its files is damaged.
    """
    header = read_json(folder / _HEADER)
    version = header.get("version") if isinstance(header, dict) else None
    if version != VERSION:
        raise UserError(f"{folder} has data format version {version}, this graphcl reads version {VERSION}")
    try:
        yield header
    except (OSError, SafetensorError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(f"{folder} is damaged: {str(error).splitlines()[0]}") from error
