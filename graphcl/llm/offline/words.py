"""Sentences and content words of a text, and how rare words are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from math import log

#: A text is read so far: what TextRank does grows with the square of the sentences.
MAX_SENTENCES, MAX_WORDS = 60, 2_000
_WORD = re.compile(r"\w+")
#: A sentence ends at .!? before white space and no small letter ("et al. show"), at 。！？, and at an empty line.
_END = re.compile(r"(?<=[.!?])\s+(?![a-z])|(?<=[。！？])|\n\s*\n")  # noqa: RUF001
_TITLE = re.compile(r"\s+:\s+")


@cache
def stop_words() -> frozenset[str]:
    """English words that say nothing of a topic (those of scikit-learn)."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return frozenset(ENGLISH_STOP_WORDS)


def words(text: str) -> list[str]:
    """The first 2,000 words in lower case, in order; runs of letters and digits in any script."""
    return [match.group().lower() for match, _ in zip(_WORD.finditer(text), range(MAX_WORDS), strict=False)]


def is_content(word: str) -> bool:
    """Whether a word can be of a topic: no stop word, no number, and (where it is Latin) of 3 letters or more."""
    return word not in stop_words() and not word.isdigit() and (len(word) > 2 or not word.isascii())


def sentences(text: str) -> list[str]:
    """The first 60 sentences, white space made single; a title before `` : `` is one of its own."""
    pieces = [piece for part in _TITLE.split(text, maxsplit=1) for piece in _END.split(part)]
    return [" ".join(piece.split()) for piece in pieces if piece and piece.strip()][:MAX_SENTENCES]


def title(text: str) -> str:
    """The first sentence."""
    return next(iter(sentences(text)), "")


def inverse_frequencies(bags: Iterable[frozenset[str]], count: int) -> dict[str, float]:
    """word -> log((1 + texts) / (1 + texts that have it)) + 1."""
    found: dict[str, int] = {}
    for bag in bags:
        for word in bag:
            found[word] = found.get(word, 0) + 1
    return {word: log((1 + count) / (1 + number)) + 1 for word, number in found.items()}


def bag(text: str) -> frozenset[str]:
    """The content words of a text."""
    return frozenset(filter(is_content, words(text)))


def best(scores: Mapping[str, float], number: int) -> list[str]:
    """The words of the highest scores; of equal ones the first in the alphabet."""
    return sorted(scores, key=lambda word: (-scores[word], word))[:number]


def joined(parts: Sequence[str]) -> str:
    """Phrases as one line."""
    return ", ".join(parts)
