"""Links decided by a model: one question a node, an answer for each candidate, and nothing made up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch_geometric.data import Data

from graphcl.core.errors import UserError
from graphcl.data.edge_answers import EdgeAnswers
from graphcl.data.edge_candidates import candidates, held_out
from graphcl.data.graphs.labelled import NodeGraph
from graphcl.data.graphs.node_graph import NodeGraphData, NodeSplitOptions
from graphcl.data.make_edge_answers import EdgeQuestions, asked_edges, zeros_and_ones
from graphcl.data.text_encoders import TextOptions
from graphcl.llm.backends import DoubleBackend
from graphcl.llm.cache import AnswerCache
from graphcl.llm.limits import Limits
from graphcl.llm.patience import UNUSABLE_ATTEMPTS
from graphcl.llm.prompts import load_prompt
from graphcl.llm.request import Messages

PROMPT, PARAMS = load_prompt("edges"), {"max_tokens": 60, "temperature": 0}
TOPICS = ["kernel machines", "genetic search"]


@pytest.fixture(scope="module")
def data() -> NodeGraph:
    """Twenty papers of two topics, each linked to those six and seven places on."""
    texts = [f"Paper {node} : on {TOPICS[node % 2]}, number{node} of them" for node in range(20)]
    pairs = torch.tensor([[node, (node + step) % 20] for node in range(20) for step in (2, 6, 7)]).t()
    graph = Data(edge_index=pairs, text=texts, num_nodes=20)
    split = NodeSplitOptions(edges=[0.1, 0.1])
    return NodeGraphData(given=graph, text=TextOptions(dim=4, max_df=1.0, min_df=1), split=split).load(seed=0)


@pytest.fixture
def cache(tmp_path: Path) -> AnswerCache:
    return AnswerCache(tmp_path / "answers.sqlite")


def same_topic(messages: Messages, params: Mapping[str, Any]) -> str:
    """1 for a candidate that speaks of what the document speaks of."""
    lines = messages[-1][1].splitlines()
    topic = next(topic for topic in TOPICS if topic in lines[0])
    return json.dumps([int(topic in line) for line in lines if line.startswith("Candidate")])


@pytest.mark.parametrize(
    ("answer", "count", "found"),
    [
        ("[1, 0, 1]", 3, [True, False, True]), ("Here: [0,1]\nDone.", 2, [False, True]), ("[1]", 1, [True]),
        ("[1, 0]", 3, None), ("[1, 0, 1, 1]", 3, None), ("1, 0, 1", 3, None), ("", 0, None), ("[2, 0]", 2, None),
        ("[1, 0] or rather [0, 1]", 2, None), ("[1.0, 0]", 2, None), ("no", 1, None),
    ],
)
def test_an_answer_is_a_list_with_an_entry_for_each_candidate_or_none(
    answer: str, count: int, found: list[bool] | None
) -> None:
    assert zeros_and_ones(answer, count) == found


def test_each_node_is_one_question_about_all_of_its_candidates(data: NodeGraph, cache: AnswerCache) -> None:
    answers, outcome = asked_edges(data, DoubleBackend(same_topic), cache, PROMPT, PARAMS)
    tables = candidates(data)
    asked = {(node, at) for table in tables for node, row in enumerate(table.tolist()) for at in row if at >= 0}
    assert set(zip(answers.node.tolist(), answers.other.tolist(), strict=True)) == asked
    assert (answers.approved == (answers.node % 2 == answers.other % 2)).all(), "answers are of their candidates"
    assert bool(answers.approved.any())
    assert not bool(answers.approved.all())
    assert outcome.sent == 20
    assert answers.about["unanswered"] == 0
    _, again = asked_edges(data, DoubleBackend(same_topic), cache, PROMPT, PARAMS)
    assert (again.sent, again.kept) == (0, 20)


def test_held_out_links_are_in_no_question(data: NodeGraph) -> None:
    said = [request.messages[-1][1] for request in EdgeQuestions(data, "m", PROMPT, PARAMS)]
    for one, other in held_out(data).t().tolist():
        for node, about in ((one, other), (other, one)):
            (question,) = [text for text in said if text.startswith(f'Document: "Paper {node} ')]
            assert f'"Paper {about} ' not in question


def test_a_malformed_answer_is_asked_for_again_and_then_counted(data: NodeGraph, cache: AnswerCache) -> None:
    calls = dict[str, int]()

    def moody(messages: Messages, params: Mapping[str, Any]) -> str:
        name = messages[-1][1].split('"')[1].split(" :")[0]
        calls[name] = calls.get(name, 0) + 1
        if name == "Paper 3" or (name == "Paper 5" and calls[name] == 1):
            return "[1]"
        return same_topic(messages, params)

    limits = Limits(max_wait=0.01)
    answers, outcome = asked_edges(data, DoubleBackend(moody), cache, PROMPT, PARAMS, limits)
    assert (calls["Paper 3"], calls["Paper 5"]) == (UNUSABLE_ATTEMPTS, 2)
    assert outcome.faults == {"malformed": UNUSABLE_ATTEMPTS + 1}
    assert answers.about["unanswered"] == 1
    assert 3 not in answers.node
    assert 5 in answers.node


def test_answers_are_kept_and_read_back(data: NodeGraph, cache: AnswerCache, tmp_path: Path) -> None:
    answers, _ = asked_edges(data, DoubleBackend(same_topic), cache, PROMPT, PARAMS)
    (tmp_path / "views").mkdir()
    answers.save(tmp_path / "views")
    kept = EdgeAnswers.load(tmp_path / "views", data.graph)
    assert torch.equal(kept.approved, answers.approved)
    assert kept.about == answers.about
    assert kept.about["prompt"] == PROMPT.hash
    fewer = data.graph.clone()
    fewer.edge_index = fewer.edge_index[:, 1:]
    with pytest.raises(UserError, match="made of a graph with other edges"):
        EdgeAnswers.load(tmp_path / "views", fewer)
    (tmp_path / "views" / "edges.parquet").write_bytes(b"broken")
    with pytest.raises(UserError, match="is damaged"):
        EdgeAnswers.load(tmp_path / "views", data.graph)


def test_what_is_left_of_a_budget_is_never_no_limit() -> None:
    assert Limits(budget=2.0).after(0.5).budget == 1.5
    assert 0 < Limits(budget=2.0).after(2.0).budget < 1e-9
    assert Limits().after(5.0).budget == 0.0
