"""The mixture of experts as features: what is mixed, by whom it is said, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch_geometric.data import Data

from graphcl.augment.prompt_experts import PromptExperts
from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.core.tell import telling
from graphcl.data.graphs.labelled import NodeGraph
from graphcl.data.graphs.node_graph import NodeGraphData, NodeSplitOptions
from graphcl.data.make_text_views import node_texts, offline_views
from graphcl.data.text_encoders import TextOptions
from graphcl.data.text_views import TextViews
from graphcl.objective.regularizers.expert_entropy import entropy_gap

TOPICS = ["kernel machines margins", "genetic search mutation", "markov chains sampling"]


def ring(nodes: int = 12, end: str = "", hub: bool = False, **options: Any) -> NodeGraph:
    """Papers of three topics in turn, each linked to the next, and the first one to all."""
    texts = [f"Paper {at} : On {TOPICS[at % 3]}. We study {TOPICS[at % 3]} in depth.{end}" for at in range(nodes)]
    pairs = [[at, (at + 1) % nodes] for at in range(nodes)] + [[0, at] for at in range(2, nodes) if hub]
    edges = torch.tensor(pairs).t()
    y = [("kernels", "genetics", "chains")[node % 3] for node in range(nodes)]
    graph = Data(edge_index=edges, y=y, text=texts, num_nodes=nodes)
    split = NodeSplitOptions(ratios=[0.4, 0.3, 0.3], stratified=True)
    text = TextOptions(dim=6, max_df=1.0, min_df=1)
    return NodeGraphData(given=graph, text=text, split=split, **options).load(seed=0)


def made(data: NodeGraph, **options: Any) -> PromptExperts:
    return PromptExperts(**options, graph=data.graph, task=SimpleNamespace(data=data), generator=generator(0, "init"))


def seen(module: PromptExperts, data: NodeGraph) -> Data:
    graph = module(data.graph, generator=generator(0))
    assert isinstance(graph, Data)
    return graph


def test_uniform_mixing_is_the_mean_of_what_experts_say() -> None:
    data = ring()
    said = offline_views(data).embeddings
    mean = (said["raw"] + said["summary"] + said["reasoning"]) / 3
    torch.testing.assert_close(seen(made(data, mix="uniform"), data).x, mean)
    assert not list(made(data, mix="uniform").parameters())


def test_one_expert_is_what_it_says() -> None:
    data = ring()
    assert torch.equal(seen(made(data, experts=["raw"]), data).x, data.graph.x)
    summary = offline_views(data).embeddings["summary"]
    assert torch.equal(seen(made(data, experts=["summary"], mix="uniform"), data).x, summary)


def test_features_are_the_weighted_sum_and_the_weights_stay_beside_them() -> None:
    data = ring()
    module = made(data)
    graph = seen(module, data)
    assert graph.expert_names == ["raw", "summary", "reasoning"]
    torch.testing.assert_close(graph.expert_weights.sum(1), torch.ones(12))
    slow = sum(graph.expert_weights[:, i : i + 1] * module.content[:, i] for i in range(3))
    torch.testing.assert_close(graph.x, slow)
    assert torch.equal(graph.edge_index, data.graph.edge_index)


def test_a_gradient_of_the_features_reaches_the_selector() -> None:
    data = ring()
    module = made(data)
    seen(module, data).x.square().sum().backward()
    assert all(bool(p.grad.any()) for p in module.parameters() if p.grad is not None)
    assert sum(p.grad is not None for p in module.parameters()) == 4


def test_contexts_say_kind_degree_and_band() -> None:
    """Those of two experts differ, and those of a head and a tail; of equal nodes they are equal."""
    context = made(ring(end=" A summary of head and tail, text by text.", hub=True)).context
    assert not torch.allclose(context[0, 0], context[0, 1])
    assert not torch.allclose(context[0, 0], context[1, 0])
    assert torch.equal(context[1, 0], context[2 * 5 + 1, 0])


def test_the_record_says_how_many_contexts_have_a_known_word() -> None:
    """A word encoder may know none of theirs: then contents are compared with nothing."""
    assert made(ring()).describe()["contexts_known"] == 0.0
    module = made(ring())
    means = module.weights().mean(dim=0).tolist()
    assert list(module.describe()["mean_weights"].values()) == pytest.approx(means, abs=1e-4)
    assert f"mixed by a learned selector (raw {means[0]:.2f}, summary " in module.describe()["told"]
    assert made(ring(end=" Text of the node.")).describe()["contexts_known"] == 1.0


def test_offline_experts_speak_once_and_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GRAPHCL_CACHE", str(tmp_path))
    data, heard = ring(), list[str]()
    with telling(heard.append):
        first = made(data)
        assert [line.split(" ")[:3] for line in heard] == [["the", "offline", "experts"]] * 2
        assert "took 0 s" in heard[1]
        again = made(data)
        assert len(heard) == 2
        assert torch.equal(first.content, again.content)
        (kept,) = (tmp_path / "text-views").iterdir()
        (kept / "texts.parquet").write_bytes(b"broken")
        assert torch.equal(made(data).content, first.content)
        assert len(heard) == 4
        made(data, class_names=True)
        assert len(heard) == 6, "other experts, kept apart"


def test_a_cache_that_cannot_be_written_or_is_being_written_is_no_reason_to_stop(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "closed").write_text("")
    monkeypatch.setenv("GRAPHCL_CACHE", str(tmp_path / "closed"))
    heard: list[str] = []
    with telling(heard.append):
        content = made(ring()).content
    assert "not kept: cannot write" in heard[1]
    monkeypatch.setenv("GRAPHCL_CACHE", str(tmp_path))
    save = TextViews.save

    def second(views: TextViews, folder: Path, ids: list[str]) -> None:
        save(views, folder, ids)  # the other run, which began at the same time, is faster
        save(views, folder, ids)

    monkeypatch.setattr(TextViews, "save", second)
    with telling(heard.append):
        assert torch.equal(made(ring()).content, content)
    assert "kept in" in heard[3]


def test_new_nodes_are_compared_with_the_classes_of_training(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GRAPHCL_CACHE", str(tmp_path))
    data = ring()
    module = made(data, class_names=True)
    without = replace(data, class_names=[])
    new = module.for_graph(without.graph, SimpleNamespace(data=without))
    assert torch.equal(new.content, module.content)
    with pytest.raises(UserError, match="class names shall be told, and the nodes have no labels with names"):
        made(without, class_names=True)


def test_no_expert_named_is_all_of_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GRAPHCL_CACHE", str(tmp_path))
    assert made(ring(), experts=[]).experts == ("raw", "summary", "reasoning")


def test_views_of_a_folder_need_nobody_to_speak(tmp_path: Path) -> None:
    data = ring()
    views = offline_views(data, class_names=True)
    views.save(tmp_path / "views", node_texts(data)[2])
    module = made(data, views=str(tmp_path / "views"))
    assert module.experts == ("raw", "independent", "summary", "reasoning")
    assert module.describe()["label_knowledge"] is True
    assert made(data).describe()["label_knowledge"] is False
    with pytest.raises(UserError, match=r"no expert 'sumary' has spoken.*summary"):
        made(data, views=str(tmp_path / "views"), experts=["sumary"])


def test_views_are_of_one_graph_and_new_nodes_have_none(tmp_path: Path) -> None:
    data, other = ring(), ring(14)
    offline_views(data).save(tmp_path / "views", node_texts(data)[2])
    module = made(data, views=str(tmp_path / "views"))
    assert torch.equal(module.for_graph(data.graph, SimpleNamespace(data=data)).content, module.content)
    with pytest.raises(UserError, match="new nodes need experts of their own: a run with views embeds only its own"):
        module.for_graph(other.graph, SimpleNamespace(data=other))


def test_what_cannot_take_the_place_of_features_is_refused(tmp_path: Path) -> None:
    data = ring()
    offline_views(data).save(tmp_path / "views", node_texts(data)[2])
    with pytest.raises(UserError, match="made of a graph with other texts"):
        made(ring(14), views=str(tmp_path / "views"))
    other = NodeGraphData(given=Data(edge_index=data.graph.edge_index, text=data.graph.text, num_nodes=12),
                          text=TextOptions(dim=4, max_df=1.0, min_df=1)).load(seed=0)
    with pytest.raises(UserError, match=r"embedded by .*SVD to 6, .*SVD to 4; give both the same data\.text"):
        made(other, views=str(tmp_path / "views"))
    for width in (3, data.graph.num_features):  # as wide as embeddings of texts is not of their space
        given = NodeGraphData(given=Data(x=torch.ones(12, width), edge_index=data.graph.edge_index,
                                         text=data.graph.text, num_nodes=12)).load(seed=0)
        with pytest.raises(UserError, match=r"features are not made of texts, .*: set data\.features=text"):
            made(given)


def test_graphs_without_texts_pieces_and_other_graphs_are_refused() -> None:
    with pytest.raises(UserError, match="the nodes have no texts"):
        made(NodeGraphData().load(seed=0))
    with pytest.raises(UserError, match=r"with data\.fanout batches see pieces; leave it out"):
        made(ring(fanout=[2, 2]))
    with pytest.raises(UserError, match="experts have read 12 nodes and the graph has 15"):
        seen(made(ring()), ring(15))


def test_the_entropy_gap_is_the_divergence_from_the_uniform_mixture() -> None:
    weights = torch.tensor([[0.25] * 4, [1.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0]])
    assert entropy_gap(weights).tolist() == pytest.approx([0.0, 1.386294, 0.693147], abs=1e-6)


def test_experts_read_another_graph_and_keep_what_the_selector_learned() -> None:
    data, other = ring(), ring(15)
    other = replace(other, text_encoder=data.text_encoder)
    module = made(data)
    before = seen(module, data).x
    moved = module.for_graph(other.graph, SimpleNamespace(data=other))
    assert seen(moved, other).x.shape == (15, 6)
    assert moved.selector is module.selector
    assert torch.equal(seen(module, data).x, before)
