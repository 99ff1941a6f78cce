"""What the name of a file says: ``7_jackson_32.wav`` under ``{class}_{group}_{number}``."""

from __future__ import annotations

import re
from typing import NamedTuple

from graphcl.core.errors import UserError

_FIELDS = {"class": "(?P<label>.+?)", "group": "(?P<group>.+?)", "number": r"(?P<number>\d+)"}


class Named(NamedTuple):
    """Class, group and number that a name says; empty or -1 where it says none."""

    label: str = ""
    group: str = ""
    number: int = -1


class NamePattern:
    """Reads names of files, without their endings, by a pattern of text and ``{class}``, ``{group}``, ``{number}``.

    >>> NamePattern("{class}_{group}_{number}").read("7_jackson_32")
    Named(label='7', group='jackson', number=32)
    >>> NamePattern("{class}_{number}").read("noise") is None
    True

    Raises:
        UserError: another field, one twice, or none.
    """

    def __init__(self, text: str) -> None:
        pieces = re.split(r"\{([^{}]*)\}", text)
        fields = pieces[1::2]
        unknown = [field for field in fields if field not in _FIELDS]
        if unknown or not fields or len(set(fields)) < len(fields):
            wrong = f"{{{unknown[0]}}} is no field" if unknown else "it needs a field, and none twice"
            raise UserError(f"data.pattern: {text!r}: {wrong}; fields are {{class}}, {{group}} and {{number}}")
        self.fields = tuple(fields)
        self._form = re.compile("".join(re.escape(p) if n % 2 == 0 else _FIELDS[p] for n, p in enumerate(pieces)))

    def read(self, stem: str) -> Named | None:
        """What a name says, or None where it has another form."""
        match = self._form.fullmatch(stem)
        if match is None:
            return None
        found = match.groupdict()
        return Named(found.get("label") or "", found.get("group") or "", int(found.get("number") or -1))
