"""TextRank: the sentences and key phrases of a text that its other sentences and words point to.

Source: Mihalcea, Tarau, "TextRank: Bringing Order into Texts", EMNLP 2004. The ranking is PageRank with damping 0.85 of
networkx, whose scores sum to 1.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import log

import networkx as nx

from graphcl.llm.offline.words import best, is_content, words

WINDOW = 4  # words
_DAMPING, _TOLERANCE = 0.85, 1e-5


def rank_sentences(sentences: Sequence[str], own: int | None = None) -> list[float]:
    """A score for each sentence; they sum to 1.

    Two sentences are joined with weight ``|words of both| / (log |words of one| + log |words of the other|)``.

    Args:
        sentences: In any order.
        own: The walk starts again only at the first ``own`` of them, so that the others count as far as these point to
            them; None: at any.
    """
    bags = [frozenset(filter(is_content, words(sentence))) for sentence in sentences]
    graph = nx.Graph()
    graph.add_nodes_from(range(len(bags)))
    for one in range(len(bags)):
        for other in range(one):
            if shared := len(bags[one] & bags[other]):
                # log 1 + log 1 would divide by 0
                length = max(log(len(bags[one])) + log(len(bags[other])), log(2))
                graph.add_edge(other, one, weight=shared / length)
    start = {place: 1.0 for place in range(own)} if own else None
    return _ranked(graph, start)


def key_phrases(text: str, number: int = 10) -> list[str]:
    """The phrases of the highest score, best first, in lower case.

    Content words (for the paper's nouns and adjectives: no tagger is needed) are joined where they stand within 4 words
    of each other; of the top third, neighbours in the text become one phrase, which scores the sum of its words.
    """
    sequence = words(text)
    places = [place for place, word in enumerate(sequence) if is_content(word)]
    graph = nx.Graph()
    graph.add_nodes_from(dict.fromkeys(sequence[place] for place in places))
    for at, place in enumerate(places):
        for later in places[at + 1 : at + WINDOW]:
            one, other = sequence[place], sequence[later]
            if later - place >= WINDOW or one == other:
                continue
            weight = graph.get_edge_data(one, other, {"weight": 0.0})["weight"] + 1.0
            graph.add_edge(one, other, weight=weight)
    names = list(graph)
    scores = dict(zip(names, _ranked(graph), strict=True))
    winners = set(best(scores, max(number, len(names) // 3)))
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


def jaccard(one: Collection[str], other: Collection[str]) -> float:
    """|both| / |either| of the words of two lists of phrases; 0 where there are none."""
    first, second = ({word for phrase in phrases for word in phrase.split()} for phrases in (one, other))
    either = len(first | second)
    return len(first & second) / either if either else 0.0


def _ranked(graph: nx.Graph, start: dict[int, float] | None = None) -> list[float]:
    if not graph.number_of_nodes():
        return []
    if not graph.number_of_edges():  # nobody points anywhere: where the walk starts
        total = sum(start.values()) if start else graph.number_of_nodes()
        return [(start.get(node, 0.0) if start else 1.0) / total for node in graph]
    scores = nx.pagerank(graph, alpha=_DAMPING, personalization=start, tol=_TOLERANCE, max_iter=500)
    return [float(scores[node]) for node in graph]
