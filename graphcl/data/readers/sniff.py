"""Which character separates the columns of a text file, from its first lines."""

from __future__ import annotations

import csv
from pathlib import Path

from graphcl.core.errors import UserError, suggestion

#: Name on the command line -> character. Earlier ones win a draw.
SEPARATORS = {"comma": ",", "tab": "\t", "semicolon": ";", "pipe": "|", "space": " "}
_NAMES = {character: name for name, character in SEPARATORS.items()}


def separator_name(separator: str) -> str:
    """``comma`` for ``,``; the character itself where it has no name."""
    return _NAMES.get(separator, repr(separator))


def as_separator(text: str) -> str:
    """The character that an option names: ``tab``, ``\\t`` or the character itself.

    Raises:
        UserError: more than one character, or a line end or quote.
    """
    character = SEPARATORS.get(text, "\t" if text == "\\t" else text)
    if len(character) != 1 or character in '"\r\n':
        raise UserError(f"data.separator={text!r} is not one character{suggestion(text, SEPARATORS)}")
    return character


def sniff_separator(
    path: Path, text: str, configured: str, *, quoting: bool = True, advice: str = "; set data.separator"
) -> str:
    """The separator of a delimited text: the configured one if it fits, else the one that the lines agree on.

    Args:
        path: For messages.
        text: The first lines.
        configured: The character the user asked for, or "".
        quoting: Whether ``"`` quotes.
        advice: End of the message where no separator is found.

    Raises:
        UserError: the configured one does not split the first line and another does, or none splits it.
    """
    first = text.lstrip("\r\n").split("\n", 1)[0].rstrip("\r")
    scores = {character: _score(text, character, quoting) for character in {*SEPARATORS.values(), configured} - {""}}
    best = max(SEPARATORS.values(), key=lambda character: scores[character])
    if configured and scores[configured]:
        return configured
    if not scores[best]:
        raise UserError(f"{path} has one column: no separator found in line 1, `{_short(first)}`{advice}")
    if configured:
        raise UserError(
            f"{path} looks {separator_name(best)}-separated, data.separator says {separator_name(configured)}, "
            f"line 1 is `{_short(first)}`; set data.separator={separator_name(best)}"
        )
    return best


def _score(text: str, separator: str, quoting: bool) -> tuple[int, ...]:
    """(every line agrees with the first, how many do, is no space, fields); () when line 1 is not split."""
    lines = text.splitlines(keepends=True)[:200]
    rows = csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE)
    try:
        widths = [len(row) for row in rows if row]
    except csv.Error:
        return ()
    if not widths or widths[0] < 2:
        return ()
    agree = sum(width == widths[0] for width in widths)
    return int(agree == len(widths)), agree, int(separator != " "), widths[0]


def _short(line: str) -> str:
    return line if len(line) <= 80 else line[:77] + "..."
