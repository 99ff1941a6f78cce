"""Views of texts: by extracts and by a model's double, kept, and refused where they are of another graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch_geometric.data import Data

from graphcl.core.errors import UserError
from graphcl.data.graphs.node_graph import NodeGraph, NodeGraphData, NodeSplitOptions
from graphcl.data.make_text_views import Asked, asked_views, estimated, node_texts, offline_views
from graphcl.data.text_encoders import TextOptions
from graphcl.data.text_views import TextViews
from graphcl.llm.backends import DoubleBackend, Fault
from graphcl.llm.cache import AnswerCache
from graphcl.llm.experts import context_texts
from graphcl.llm.prompts import load_prompt
from graphcl.llm.request import Messages

TOPICS = ["kernel machines margins", "genetic search mutation"]


@pytest.fixture(scope="module")
def data() -> NodeGraph:
    """A ring of ten papers with two topics in turn."""
    texts = [f"Paper {node} : On {TOPICS[node % 2]}. We study {TOPICS[node % 2]}." for node in range(10)]
    ring = torch.tensor([[node, (node + 1) % 10] for node in range(10)]).t()
    graph = Data(edge_index=ring, y=["kernels" if node % 2 else "genetics" for node in range(10)], text=texts,
                 num_nodes=10, ids=[f"p{node}" for node in range(10)])
    split = NodeSplitOptions(ratios=[0.4, 0.2, 0.4], stratified=True, edges=[0.1, 0.2])
    return NodeGraphData(given=graph, split=split, text=TextOptions(dim=4, max_df=1.0, min_df=1)).load(seed=0)


@pytest.fixture
def cache(tmp_path: Path) -> AnswerCache:
    return AnswerCache(tmp_path / "answers.sqlite")


def said(messages: Messages, params: Mapping[str, Any]) -> str:
    return "kernel said of " + messages[-1][1].split('"')[1][:7]


ASKED = Asked([load_prompt("independent"), load_prompt("summary")])


def test_neighbours_are_of_the_edges_that_training_sees(data: NodeGraph) -> None:
    _, neighbours, ids = node_texts(data)
    assert ids[3] == "p3"
    assert sum(map(len, neighbours)) == data.graph.edge_index.shape[1] < 20
    assert data.links is not None
    for one, other in data.links.test.edges.t().tolist():
        assert other not in neighbours[one]


def test_offline_views_are_texts_and_embeddings_of_one_space(data: NodeGraph) -> None:
    views = offline_views(data)
    assert views.experts == ("raw", "summary", "reasoning")
    assert torch.equal(views.embeddings["raw"], data.graph.x)
    assert {tuple(rows.shape) for rows in views.embeddings.values()} == {tuple(data.graph.x.shape)}
    assert views.about["backend"] == "offline"
    assert views.about["label_knowledge"] is False
    told = offline_views(data, class_names=True)
    assert "independent" in told.experts
    assert told.about["label_knowledge"] is True


def test_a_model_is_asked_once_for_each_node_and_expert(data: NodeGraph, cache: AnswerCache) -> None:
    views, outcome = asked_views(data, DoubleBackend(said), cache, ASKED)
    assert views.experts == ("raw", "independent", "summary")
    assert views.texts["summary"][4] == "kernel said of Paper 4"
    assert outcome.sent == 20
    assert views.about["prompts"]["summary"] == load_prompt("summary").hash
    again, none = asked_views(data, DoubleBackend(said), cache, ASKED)
    assert (none.sent, none.kept) == (0, 20)
    assert again.texts == views.texts
    assert estimated(data, ASKED, "double", cache).tokens_in == 0


def test_class_names_are_told_only_when_asked_for(data: NodeGraph, cache: AnswerCache) -> None:
    heard: list[str] = []

    def listening(messages: Messages, params: Mapping[str, Any]) -> str:
        heard.append(messages[-1][1])
        return "answer"

    quiet, _ = asked_views(data, DoubleBackend(listening), cache, ASKED)
    assert not any("genetics" in text for text in heard)
    assert quiet.about["label_knowledge"] is False
    told, _ = asked_views(data, DoubleBackend(listening), cache, ASKED, class_names=True)
    assert any('["genetics", "kernels"]' in text for text in heard)
    assert told.about["label_knowledge"] is True


def test_nodes_without_an_answer_keep_their_text_and_are_counted(data: NodeGraph, cache: AnswerCache) -> None:
    def moody(messages: Messages, params: Mapping[str, Any]) -> str:
        if '"Paper 3' in messages[-1][1].splitlines()[0]:
            raise Fault("refused", "unusable", after=0.0)
        return said(messages, params)

    views, outcome = asked_views(data, DoubleBackend(moody), cache, ASKED)
    assert views.texts["summary"][3] == data.graph.text[3]
    assert views.about["missing"] == {"independent": 1, "summary": 1}
    assert outcome.missing == {"independent/p3": "refused", "summary/p3": "refused"}


def test_views_are_kept_with_their_provenance(data: NodeGraph, tmp_path: Path) -> None:
    views = offline_views(data)
    views.save(tmp_path / "views", node_texts(data)[2])
    kept = TextViews.load(tmp_path / "views", data.graph)
    assert kept.texts == views.texts
    assert all(torch.equal(kept.embeddings[name], views.embeddings[name]) for name in views.experts)
    assert kept.about == views.about
    with pytest.raises(UserError, match="exists already"):
        views.save(tmp_path / "views", node_texts(data)[2])


def test_views_of_another_graph_are_refused(data: NodeGraph, tmp_path: Path) -> None:
    offline_views(data).save(tmp_path / "views", node_texts(data)[2])
    other = data.graph.clone()
    other.text = ["other", *data.graph.text[1:]]
    with pytest.raises(UserError, match="made of a graph with other texts; make them anew"):
        TextViews.load(tmp_path / "views", other)
    fewer = data.graph.clone()
    fewer.edge_index = fewer.edge_index[:, 1:]
    with pytest.raises(UserError, match="with other edges; experts must not see edges that are held out"):
        TextViews.load(tmp_path / "views", fewer)


@pytest.mark.parametrize("name", ["texts.parquet", "embeddings.safetensors", "views.json"])
def test_damaged_views_are_said(data: NodeGraph, tmp_path: Path, name: str) -> None:
    offline_views(data).save(tmp_path / "views", node_texts(data)[2])
    (tmp_path / "views" / name).write_bytes(b"broken")
    with pytest.raises(UserError, match=r"damaged|cannot read"):
        TextViews.load(tmp_path / "views")


def test_a_graph_without_texts_is_refused() -> None:
    with pytest.raises(UserError, match="the nodes have no texts"):
        offline_views(NodeGraphData().load(seed=1))


def test_contexts_say_kind_degree_and_band() -> None:
    said = context_texts("summary", [1, 2, 3, 4, 100])
    assert said[0].startswith("This is a summary of the node in the light of its neighbours. The node has degree 1: ")
    assert [text.split()[-2] for text in said] == ["tail", "tail", "mid", "mid", "head"]
    assert context_texts("mine", []) == []
