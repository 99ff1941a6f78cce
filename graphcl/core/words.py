"""Numbers in sentences."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "user"), counted(12345, "row")
    ('1 user', '12,345 rows')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def spanned(low: int, high: int, noun: str) -> str:
    """From the least to the most of something, or how many where all have the same.

    >>> spanned(30, 60, "sample"), spanned(1, 1, "frame")
    ('30 to 60 samples', '1 frame')
    """
    return counted(high, noun) if low == high else f"{low:,} to {counted(high, noun)}"


def listed(names: list[str], most: int = 6) -> str:
    """Names beside each other, of many the first and how many there are.

    >>> listed(["a", "b"]), listed([str(n) for n in range(40)], 3)
    ('a, b', '0, 1, 2, ... (40 of them)')
    """
    return ", ".join(names) if len(names) <= most else f"{', '.join(names[:most])}, ... ({len(names)} of them)"
