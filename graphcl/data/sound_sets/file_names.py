"""What the name of a file says: ``7_jackson_32.wav`` under ``CLASS_GROUP_NUMBER``."""

from __future__ import annotations

import re
from typing import NamedTuple

from graphcl.core.errors import UserError

_FIELDS = {"CLASS": "(?P<label>.+?)", "GROUP": "(?P<group>.+?)", "NUMBER": r"(?P<number>\d+)"}


class Named(NamedTuple):
    """Class, group and number that a name says; empty or -1 where it says none."""

    label: str = ""
    group: str = ""
    number: int = -1


class NamePattern:
    """Reads names of files, without their endings, by a pattern of text and ``CLASS``, ``GROUP``, ``NUMBER``.

    >>> NamePattern("CLASS_GROUP_NUMBER").read("7_jackson_32")
    Named(label='7', group='jackson', number=32)
    >>> NamePattern("CLASS_NUMBER").read("noise") is None
    True

    Raises:
        UserError: no field, or one twice.
    """

    def __init__(self, text: str) -> None:
        pieces = re.split(f"({'|'.join(_FIELDS)})", text)
        self.fields = tuple(pieces[1::2])
        if not self.fields or len(set(self.fields)) < len(self.fields):
            wrong = "none of its fields may be there twice" if self.fields else "it has no field"
            raise UserError(f"data.pattern: {text!r}: {wrong}; fields are CLASS, GROUP and NUMBER")
        self._form = re.compile("".join(_FIELDS.get(piece) or re.escape(piece) for piece in pieces))

    def read(self, stem: str) -> Named | None:
        """What a name says, or None where it has another form."""
        match = self._form.fullmatch(stem)
        if match is None:
            return None
        found = match.groupdict()
        return Named(found.get("label") or "", found.get("group") or "", int(found.get("number") or -1))
