"""TextRank: the sentences and key phrases of a text that its other sentences and words point to.

Source: Mihalcea, Tarau, "TextRank: Bringing Order into Texts", EMNLP 2004. The ranking is PageRank with damping 0.85 of
networkx. Many texts are ranked at once, as one graph without links between them: a call takes some milliseconds
whatever its size, and a text has some fifty words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise, tee
from math import log

import networkx as nx

from graphcl.llm.offline.words import best, is_content, words

WINDOW = 4  # words
#: Texts that are ranked at once; a long one has some 6,000 links.
_TOGETHER = 64
_DAMPING, _TOLERANCE = 0.85, 1e-12
#: Of a score: equal ones are equal whatever texts are ranked beside.
_DIGITS = 8


@dataclass(frozen=True)
class _Linked:
    """Sentences or words of one text.

    Attributes:
        count: Of them.
        weights: Of the links, by their ends.
        own: The walk starts at the first ``own``.
    """

    count: int
    weights: dict[tuple[int, int], float]
    own: int


def rank_sentences(sentences: Sequence[str], own: int | None = None) -> list[float]:
    """A score for each sentence; they sum to 1.

    Two sentences are joined with weight ``|words of both| / (log |words of one| + log |words of the other|)``.

    Args:
        sentences: In any order.
        own: The walk starts again only at the first ``own`` of them, so that the others count as far as these point to
            them; None: at any.
    """
    return next(rank_sentences_of([(sentences, own)]))


def rank_sentences_of(texts: Iterable[tuple[Sequence[str], int | None]]) -> Iterator[list[float]]:
    """:func:`rank_sentences` of many texts, in their order."""
    return _ranked(_linked_sentences(sentences, own) for sentences, own in texts)


def key_phrases(text: str, number: int = 10) -> list[str]:
    """The phrases of the highest score, best first, in lower case.

    Content words (for the paper's nouns and adjectives: no tagger is needed) are joined where they stand within 4 words
    of each other; of the top third, neighbours in the text become one phrase, which scores the sum of its words.
    """
    return next(key_phrases_of([text], number))


def key_phrases_of(texts: Sequence[str], number: int = 10) -> Iterator[list[str]]:
    """:func:`key_phrases` of many texts, in their order."""
    read, ranked = tee(map(words, texts))
    for sequence, ranks in zip(read, _ranked(map(_linked_words, ranked)), strict=True):
        yield _phrases(sequence, dict(zip(_content(sequence), ranks, strict=True)), number)


def jaccard(one: Collection[str], other: Collection[str]) -> float:
    """|both| / |either| of the words of two lists of phrases; 0 where there are none."""
    first, second = ({word for phrase in phrases for word in phrase.split()} for phrases in (one, other))
    either = len(first | second)
    return len(first & second) / either if either else 0.0


def _linked_sentences(sentences: Sequence[str], own: int | None) -> _Linked:
    bags = [frozenset(filter(is_content, words(sentence))) for sentence in sentences]
    weights = {}
    for one in range(len(bags)):
        for other in range(one):
            if shared := len(bags[one] & bags[other]):
                # log 1 + log 1 would divide by 0
                length = max(log(len(bags[one])) + log(len(bags[other])), log(2))
                weights[other, one] = shared / length
    return _Linked(len(bags), weights, min(own or len(bags), len(bags)))


def _content(sequence: Sequence[str]) -> list[str]:
    """Its different content words, in order."""
    return [word for word in dict.fromkeys(sequence) if is_content(word)]


def _linked_words(sequence: Sequence[str]) -> _Linked:
    number = {word: place for place, word in enumerate(_content(sequence))}
    numbers = [number.get(word) for word in sequence]
    weights: dict[tuple[int, int], float] = {}
    for place, one in enumerate(numbers):
        for other in numbers[place + 1 : place + WINDOW]:
            if one is None or other is None or one == other:
                continue
            ends = (min(one, other), max(one, other))
            weights[ends] = weights.get(ends, 0.0) + 1.0
    return _Linked(len(number), weights, len(number))


def _phrases(sequence: Sequence[str], scores: dict[str, float], number: int) -> list[str]:
    winners = set(best(scores, max(number, len(scores) // 3)))
    phrases: dict[str, float] = {}
    run: list[str] = []
    for word in [*sequence, ""]:
        if word in winners and word not in run and len(run) < WINDOW:
            run.append(word)
            continue
        if run:
            phrases.setdefault(" ".join(run), sum(scores[part] for part in run))
        run = [word] if word in winners else []
    return best(phrases, number)


def _ranked(texts: Iterable[_Linked]) -> Iterator[list[float]]:
    """PageRank of each text's links.

    That of a text alone is that of all together, made to sum to 1 over the text: whom a walk that starts anew is sent
    to changes only how often it is in a text at all.
    """
    waiting = iter(texts)
    while some := list(islice(waiting, _TOGETHER)):
        places = [0]
        for text in some:
            places.append(places[-1] + text.count)
        scores = _page_rank(some, places)
        for first, last in pairwise(places):
            total = sum(scores[first:last])
            yield [round(score / total, _DIGITS) for score in scores[first:last]]


def _page_rank(texts: Sequence[_Linked], places: Sequence[int]) -> list[float]:
    """Of the graph of all texts; those of ``texts[n]`` are numbered from ``places[n]``."""
    graph = nx.Graph()
    graph.add_nodes_from(range(places[-1]))
    for text, first in zip(texts, places, strict=False):
        graph.add_weighted_edges_from((first + one, first + other, w) for (one, other), w in text.weights.items())
    starts = chain.from_iterable(range(at, at + text.own) for text, at in zip(texts, places, strict=False))
    start = dict.fromkeys(starts, 1.0)
    if not graph.number_of_edges():  # nobody points anywhere: where the walk starts
        return [start.get(node, 0.0) for node in graph]
    scores = nx.pagerank(graph, alpha=_DAMPING, personalization=start, tol=_TOLERANCE, max_iter=500)
    return [float(scores[node]) for node in graph]
