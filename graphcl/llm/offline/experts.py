"""The four experts of GAugLLM, as extracts.

Source of the idea: Fang, Fan, Zha, Tan, "GAugLLM", KDD 2024, whose experts ask a language model. These ask none; they
are named ``offline`` wherever results are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import tee
from math import sqrt

from graphcl.core.errors import UserError, suggestion
from graphcl.llm.offline.textrank import key_phrases_of, rank_sentences_of
from graphcl.llm.offline.words import bag, best, inverse_frequencies, joined, sentences, title, words

#: As in the paper: the text itself, independent reasoning, structure-aware summary, structure-aware reasoning.
EXPERTS = ("raw", "independent", "summary", "reasoning")
#: Neighbours that are read: the first in the order given.
MAX_NEIGHBOURS = 20


def raw(text: str) -> str:
    """The text itself."""
    return text


def independent(text: str, class_names: Sequence[str], rarity: Mapping[str, float] | None = None) -> str:
    """The names of the classes that a text is likest to, likest first, and its key phrases.

    Likeness is the cosine of the words of text and name, weighted by ``rarity``; a final s is no difference. The names
    of the classes are knowledge of the labels, and results that use it must say so.

    Args:
        text: Of the node.
        class_names: All of them; ``_`` and ``-`` separate words.
        rarity: Weight of a word, 1 where it is not named.
    """
    return next(independent_of([text], class_names, rarity))


def independent_of(
    texts: Sequence[str], class_names: Sequence[str], rarity: Mapping[str, float] | None = None
) -> Iterator[str]:
    """:func:`independent` of many texts, in their order."""
    plain = [" ".join(name.replace("_", " ").replace("-", " ").split()) for name in class_names]
    for text, phrases in zip(texts, key_phrases_of(texts), strict=True):
        yield joined([*best(_likeness(text, plain, rarity or {}), 3), *phrases])


def _likeness(text: str, names: Sequence[str], weight: Mapping[str, float]) -> dict[str, float]:
    """Name -> its cosine with a text, where it is not 0."""
    own = {word.rstrip("s"): weight.get(word, 1.0) for word in bag(text)}
    length = sqrt(sum(value * value for value in own.values()))
    scores: dict[str, float] = {}
    for name in names:
        parts = {word.rstrip("s"): weight.get(word, 1.0) for word in words(name)}
        both = sum(value * own[word] for word, value in parts.items() if word in own)
        if both:
            scores[name] = both / (length * sqrt(sum(value * value for value in parts.values())))
    return scores


def summary(text: str, neighbours: Sequence[str], number: int = 4) -> str:
    """The sentences that matter most among the node's own and its neighbours' titles, in their order.

    Sentences are ranked by TextRank whose walk starts at the node's own ones, so that a neighbour's title is chosen as
    far as the node's text points to it.
    """
    return next(summaries_of([(text, neighbours)], number))


def summaries_of(nodes: Iterable[tuple[str, Sequence[str]]], number: int = 4) -> Iterator[str]:
    """:func:`summary` of many nodes, each a text and those of its neighbours, in their order."""
    read, ranked = tee(_own_and_titles(text, neighbours) for text, neighbours in nodes)
    for (every, _), scores in zip(read, rank_sentences_of(ranked), strict=True):
        chosen = sorted(range(len(every)), key=lambda place: (-scores[place], place))[:number]
        yield " ".join(every[place] for place in sorted(chosen))


def _own_and_titles(text: str, neighbours: Sequence[str]) -> tuple[list[str], int | None]:
    """The sentences of a text, then titles of its neighbours; and how many are its own."""
    own = sentences(text)
    others = list(dict.fromkeys(filter(None, map(title, neighbours[:MAX_NEIGHBOURS]))))
    return [*own, *(other for other in others if other not in own)], len(own) or None


def reasoning(text: str, neighbours: Sequence[str], rarity: Mapping[str, float] | None = None, number: int = 20) -> str:
    """The words that most connect a node with its neighbours; no class is named.

    A word scores its rarity times the share of neighbours that have it, twice where the node has it too. Without
    neighbours these are the node's own rarest words.
    """
    return _reasoned(bag(text), [bag(other) for other in neighbours[:MAX_NEIGHBOURS]], rarity or {}, number)


def _reasoned(
    own: frozenset[str], around: Sequence[frozenset[str]], rarity: Mapping[str, float], number: int
) -> str:
    counts: dict[str, int] = {}
    for other in around:
        for word in other:
            counts[word] = counts.get(word, 0) + 1
    if not counts:
        return joined(best({word: rarity.get(word, 1.0) for word in own}, number))
    scores = {
        word: rarity.get(word, 1.0) * count / len(around) * (2 if word in own else 1) for word, count in counts.items()
    }
    return joined(best(scores, number))


def offline_texts(
    texts: Sequence[str],
    neighbours: Sequence[Sequence[int]],
    *,
    class_names: Sequence[str] = (),
    experts: Sequence[str] | None = None,
    watch: Callable[[str, int, int], None] = lambda expert, done, total: None,
) -> dict[str, list[str]]:
    """What each expert says of every node, in node order.

    Args:
        texts: Of the nodes.
        neighbours: Of each node, the places of those it is linked to, in an order that is always the same.
        class_names: For ``independent``.
        experts: Of :data:`EXPERTS`; None: all that can speak, ``independent`` only with class names.
        watch: Called after each node with the expert's name, the nodes done and their number.

    Raises:
        UserError: an unknown expert, or ``independent`` without class names.
    """
    chosen = [name for name in EXPERTS if name != "independent" or class_names] if experts is None else list(experts)
    for name in chosen:
        if name not in EXPERTS:
            raise UserError(f"unknown expert {name!r}{suggestion(name, EXPERTS)}")
    if "independent" in chosen and not class_names:
        raise UserError(
            "the offline expert 'independent' compares texts with the names of classes, and there are none: "
            "--class-names tells them, and in a recipe prompt_experts.class_names=true"
        )
    bags = [bag(text) for text in texts]
    rarity = inverse_frequencies(bags, len(texts))

    read = [others[:MAX_NEIGHBOURS] for others in neighbours]
    said: dict[str, Callable[[], Iterable[str]]] = {
        "raw": lambda: texts,
        "independent": lambda: independent_of(texts, class_names, rarity),
        "summary": lambda: summaries_of(
            (text, [texts[n] for n in near]) for text, near in zip(texts, read, strict=True)
        ),
        "reasoning": lambda: (
            _reasoned(own, [bags[n] for n in near], rarity, 20) for own, near in zip(bags, read, strict=True)
        ),
    }
    result: dict[str, list[str]] = {}
    for name in chosen:
        result[name] = []
        for done, words_of_it in enumerate(said[name](), 1):
            result[name].append(words_of_it)
            watch(name, done, len(texts))
    return result
