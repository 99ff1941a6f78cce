from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphcl.core.errors import UserError
from graphcl.llm.offline import EXPERTS, independent, offline_texts, reasoning, summary

TEXTS = [
    "Kernel machines : Kernel machines separate classes. They use support vectors. Margins matter.",
    "Margins of kernel machines : We bound the error by the margin.",
    "Genetic search : Populations evolve by mutation and crossover.",
    "",
]
NEIGHBOURS = [[1], [0], [], []]
CLASSES = ["Kernel_Machines", "Genetic-Search"]


def test_the_likest_class_comes_first_and_others_stay_away() -> None:
    assert independent(TEXTS[0], CLASSES).startswith("Kernel Machines, ")
    assert "Genetic Search" not in independent(TEXTS[0], CLASSES)
    assert independent(TEXTS[2], CLASSES).startswith("Genetic Search, ")
    assert independent("", CLASSES) == ""


def test_a_summary_takes_the_neighbours_title_that_the_text_points_to() -> None:
    near = summary(TEXTS[0], [TEXTS[1], TEXTS[2]], number=3)
    assert "Margins of kernel machines" in near
    assert "Genetic search" not in near
    assert summary(TEXTS[0], [], number=1) in TEXTS[0]
    assert summary("", [TEXTS[1]]) == "Margins of kernel machines"


def test_reasoning_names_what_is_shared_and_no_class() -> None:
    said = reasoning(TEXTS[0], [TEXTS[1]]).split(", ")
    assert set(said[:2]) <= {"kernel", "machines", "margins"}
    assert "mutation" in reasoning(TEXTS[2], [])
    assert reasoning("", []) == ""


def test_a_rarer_word_counts_more() -> None:
    assert reasoning("common rare", ["common rare"], {"rare": 5.0}, 1) == "rare"
    assert reasoning("common rare", ["common rare"], {"common": 5.0}, 1) == "common"


def test_every_expert_speaks_of_every_node_and_is_deterministic() -> None:
    said = offline_texts(TEXTS, NEIGHBOURS, class_names=CLASSES)
    assert tuple(said) == EXPERTS
    assert said["raw"] == TEXTS
    assert all(len(texts) == len(TEXTS) for texts in said.values())
    assert offline_texts(TEXTS, NEIGHBOURS, class_names=CLASSES) == said


def test_without_class_names_the_independent_expert_is_off() -> None:
    assert "independent" not in offline_texts(TEXTS, NEIGHBOURS)
    with pytest.raises(UserError, match="there are none"):
        offline_texts(TEXTS, NEIGHBOURS, experts=["independent"])
    with pytest.raises(UserError, match="unknown expert 'sumary'; nearest: 'summary'"):
        offline_texts(TEXTS, NEIGHBOURS, experts=["sumary"])


def test_only_neighbours_count() -> None:
    """A text elsewhere in the graph changes at most how rare words are."""
    others = [*TEXTS[:2], "Something else entirely about oceans.", ""]
    assert offline_texts(TEXTS, NEIGHBOURS)["summary"][0] == offline_texts(others, NEIGHBOURS)["summary"][0]


@pytest.mark.parametrize("text", ["word " * 20_000, "a. " * 33_000, "x" * 100_000, "図" * 100_000, "🙂" * 50_000,
                                  "Unique%d. " * 10_000 % tuple(range(10_000))])
def test_very_long_texts_take_no_longer_than_a_second_or_so(text: str) -> None:
    begin = time.process_time()
    offline_texts([text, text], [[1], [0]], class_names=["word"])
    assert time.process_time() - begin < 15


@given(st.lists(st.text(max_size=60), min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_any_texts_give_valid_texts(texts: list[str], random: object) -> None:
    neighbours = [[other for other in range(len(texts)) if other != node and random.random() < 0.5]  # type: ignore[attr-defined]
                  for node in range(len(texts))]
    for said in offline_texts(texts, neighbours, class_names=["some class"]).values():
        assert len(said) == len(texts)
    again = summary(texts[0], texts[1:])
    assert all(word in " ".join(texts) for word in again.split())
