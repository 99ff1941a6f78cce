"""How alike the key phrases of two nodes are: what decides on edges without a language model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from graphcl.llm.offline.textrank import jaccard, key_phrases


def pair_likeness(texts: Sequence[str], pairs: Iterable[tuple[int, int]]) -> list[float]:
    """Jaccard index of the words of the key phrases of the two nodes of each pair, 0 to 1.

    An edge is approved where it passes a threshold, chosen on validation links; results that rest on it are called
    ``offline-confirmed``, never after a language model.
    """
    known: dict[int, list[str]] = {}

    def phrases(node: int) -> list[str]:
        if node not in known:
            known[node] = key_phrases(texts[node])
        return known[node]

    return [jaccard(phrases(one), phrases(other)) for one, other in pairs]
