"""The words that a leaf's text is made of, and the buckets that they are hashed into."""

from __future__ import annotations

import re
from functools import lru_cache
from zlib import crc32

_WORD = re.compile(r"[A-Z]+(?![^\W\d_A-Z])|[A-Z]?[^\W\d_A-Z]+|\d+|[^\w\s]+")


def subtokens(text: str) -> list[str]:
    """Words in lower case: camelCase, snake_case and numbers are taken apart, signs that touch stay together.

    >>> subtokens("readCSVFile_v2"), subtokens("a <<= 10")
    (['read', 'csv', 'file', 'v', '2'], ['a', '<<=', '10'])
    """
    return [word.lower() for word in _WORD.findall(text)]


@lru_cache(maxsize=1 << 16)
def bucket(word: str, buckets: int) -> int:
    """1 to ``buckets - 1``, the same in every process; 0 stands for no word."""
    return 1 + crc32(word.encode()) % (buckets - 1)


def hashed(text: str, buckets: int, most: int) -> list[int]:
    """The buckets of the first ``most`` words of a text."""
    return [bucket(word, buckets) for word in subtokens(text)[:most]]
