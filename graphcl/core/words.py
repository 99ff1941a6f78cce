"""Numbers in sentences."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "user"), counted(12345, "row")
    ('1 user', '12,345 rows')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
