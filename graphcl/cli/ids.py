"""Ids on the command line: comma-separated, or one a line in a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from graphcl.cli.output import Output
from graphcl.core.errors import UserError

if TYPE_CHECKING:
    from graphcl.data.interactions import Ids


def read_ids(text: str, option: str) -> list[str]:
    """The ids of ``a,b,c``, or of a file with one id a line.

    Raises:
        UserError: no id, or a file that cannot be read.
    """
    if _is_file(text):
        try:
            ids = [line.strip() for line in Path(text).read_text(encoding="utf-8-sig").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{option}: cannot read {text}: {error}") from error
    else:
        ids = [part.strip() for part in text.split(",")]
    ids = [id for id in ids if id]
    if not ids:
        raise UserError(f"{option}: {text!r} holds no id")
    return ids


def known_items(text: str | None, option: str, catalogue: Ids, output: Output) -> list[str] | None:
    """The items of a list that are in the catalogue; says how many are not. None stays None.

    Raises:
        UserError: none of them is.
    """
    if text is None:
        return None
    ids = read_ids(text, option)
    known = [id for id, position in zip(ids, catalogue.index_of(ids).tolist(), strict=True) if position >= 0]
    if not known:
        hint = "" if _is_file(text) else f", and there is no file {text!r}"
        raise UserError(f"{option}: none of its {len(ids):,} ids ({_first(ids)}) is an item of this run{hint}")
    if len(known) < len(ids):
        output.say(f"{option}: {len(ids) - len(known):,} of {len(ids):,} ids are no items of this run")
    return known


def _is_file(text: str) -> bool:
    """Whether a text names a file; one that is too long for a name is a list."""
    try:
        return Path(text).is_file()
    except (OSError, ValueError):
        return False


def _first(ids: Sequence[str]) -> str:
    return ", ".join(repr(id) for id in ids[:3]) + (", ..." if len(ids) > 3 else "")
