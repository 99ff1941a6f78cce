from __future__ import annotations

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphcl.llm.offline import jaccard, key_phrases, key_phrases_of, rank_sentences
from graphcl.llm.offline.textrank import rank_sentences_of
from graphcl.llm.offline.words import bag, sentences


def page_rank(weights: list[list[float]], start: list[float]) -> list[float]:
    """S(i) = (1 - d) start(i) + d sum_j w_ij / sum_k w_jk S(j), iterated; who points nowhere starts again."""
    count = len(start)
    scores = list(start)
    for _ in range(500):
        lost = sum(scores[j] for j in range(count) if not sum(weights[j]))
        scores = [
            0.15 * start[i] + 0.85 * (lost * start[i] + sum(
                weights[i][j] / sum(weights[j]) * scores[j] for j in range(count) if weights[i][j]))
            for i in range(count)
        ]
    return scores


SENTENCES = [
    "Graphs learn contrast views", "Contrast views need graphs and augmentation", "Augmentation drops edges",
    "Bananas taste sweet",
]


@pytest.mark.parametrize("own", [None, 1, 2])
def test_sentences_are_ranked_as_the_equation_says(own: int | None) -> None:
    bags = [bag(sentence) for sentence in SENTENCES]
    weights = [
        [0.0 if i == j else len(a & b) / (log(len(a)) + log(len(b))) for j, b in enumerate(bags)]
        for i, a in enumerate(bags)
    ]
    start = [1 / (own or 4) if i < (own or 4) else 0.0 for i in range(4)]
    assert rank_sentences(SENTENCES, own) == pytest.approx(page_rank(weights, start), abs=1e-4)


def test_one_word_sentences_do_not_divide_by_zero() -> None:
    assert rank_sentences(["graphs", "graphs", "views"])[2] < rank_sentences(["graphs", "graphs", "views"])[0]


def test_a_word_in_the_middle_of_things_is_key() -> None:
    text = "kernel methods. kernel regression. kernel density. sparse kernel. banana"
    assert "kernel" in key_phrases(text, 1)[0]
    assert "banana" not in key_phrases(text, 2)


def test_neighbours_in_the_text_become_one_phrase() -> None:
    text = "Neural networks learn. The neural networks of the brain. Training neural networks is hard, say the authors"
    assert "neural networks" in key_phrases(text, 3)


def test_sentences_end_where_people_end_them() -> None:
    assert sentences("A title : First, as et al. show. Second!  Third?\n\nFourth 3.14") == [
        "A title", "First, as et al. show.", "Second!", "Third?", "Fourth 3.14",
    ]
    assert sentences("今天天气很好。明天也好！") == ["今天天气很好。", "明天也好！"]  # noqa: RUF001


def test_jaccard_of_words() -> None:
    assert jaccard(["neural networks", "theory"], ["networks"]) == pytest.approx(1 / 3)
    assert jaccard([], []) == 0


@given(st.text(max_size=300))
def test_any_text_has_finite_scores_and_phrases_of_its_own_words(text: str) -> None:
    found = sentences(text)
    scores = rank_sentences(found)
    assert len(scores) == len(found)
    assert not found or sum(scores) == pytest.approx(1, abs=1e-3)
    for phrase in key_phrases(text):
        assert set(phrase.split()) <= bag(text)


WORDS = st.lists(st.sampled_from(["kernel", "graph", "view", "edge", "the", "banana", "loss."]), max_size=12)


@given(st.lists(WORDS, min_size=1, max_size=8))
def test_a_text_is_ranked_the_same_whatever_texts_are_ranked_with_it(drawn: list[list[str]]) -> None:
    texts = [" ".join(words) for words in drawn]
    assert list(key_phrases_of(texts)) == [key_phrases(text) for text in texts]
    found = [(sentences(text), 1) for text in texts]
    together = rank_sentences_of(found)
    for ranks, (alone, own) in zip(together, found, strict=True):
        assert ranks == pytest.approx(rank_sentences(alone, own), abs=1e-7)
