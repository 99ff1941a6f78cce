from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphcl.llm.edges import edge_requests, parse_decisions
from graphcl.llm.prompts import load_prompt

TEXTS = ["kernel machines and margins", "margins of kernel machines", "genetic search", ""]


@pytest.mark.parametrize(
    ("answer", "count", "decisions"),
    [
        ("[1, 0, 1]", 3, [True, False, True]),
        ("Candidates [1, 2] are: [0,1]", 2, [False, True]),
        ("[1] at first, but then:\n```json\n[\n 0\n]\n```", 1, [False]),
        ("[1, 0] or [0, 1]? I say [1, 1, 1].", 2, [False, True]),
        ("[1, 0]", 3, None),
        ("[1, 0, 1, 1]", 3, None),
        ("yes, no", 2, None),
        ("1 0 1", 3, None),
        ("[1 0]", 2, None),
        ("[]", 0, []),
        ("", 2, None),
        ("[10, 1]", 2, None),
        ("[1,]", 1, None),
    ],
)
def test_an_answer_says_all_or_nothing(answer: str, count: int, decisions: list[bool] | None) -> None:
    assert parse_decisions(answer, count) == decisions


@given(st.text(), st.integers(0, 5))
def test_any_answer_is_read_without_an_error(answer: str, count: int) -> None:
    decisions = parse_decisions(answer, count)
    assert decisions is None or len(decisions) == count


@given(st.lists(st.booleans(), max_size=10), st.text(st.characters(exclude_characters="[]")))
def test_what_was_said_is_read(decisions: list[bool], around: str) -> None:
    said = f"{around}{[int(value) for value in decisions]}{around}"
    assert parse_decisions(said, len(decisions)) == decisions


def test_a_node_is_asked_once_about_its_candidates_in_their_order() -> None:
    prompt, candidates = load_prompt("edges"), {0: [2, 1], 3: []}
    found = list(edge_requests(prompt, TEXTS, candidates, ["a", "b", "c", "d"], model="m", params={}))
    assert [request.node for request in found] == ["edges/a"]
    asked = found[0].messages[1][1]
    assert asked.index('Candidate 1: "genetic search"') < asked.index('Candidate 2: "margins of kernel machines"')
    assert "each of the 2 candidates" in asked
