"""A program with a graph of its own: train, embed, embed another graph."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
import torch
from torch_geometric.data import Data, HeteroData

import graphcl
from graphcl.core.errors import ConfigError, UserError
from graphcl.data.graph_sets.graph_set import GraphSetData
from graphcl.serve.opened import open_run

SHORT = {"train": {"epochs": 2, "threads": 1}, "encoder": {"dim": 8}, "eval": {"baselines": []}}


def two_rings(count: int = 40, features: int = 5, **more: Any) -> Data:
    """Two rings with features of their own."""
    half, draw = torch.arange(count // 2), torch.Generator().manual_seed(0)
    ring = torch.stack([half, half.roll(1)])
    y = torch.arange(count) // (count // 2)
    x = torch.randn(count, features, generator=draw) + y[:, None]
    return Data(**{"x": x, "edge_index": torch.cat([ring, ring + count // 2], dim=1), "y": y, **more})


def test_five_lines_from_a_graph_to_embeddings() -> None:
    run = graphcl.fit("grace", data=two_rings(), **SHORT)
    assert run.embed().shape == (40, 8)
    assert run.metrics["test/accuracy"] > 0.5
    assert run.recipe["train.epochs"] == 2
    assert run.recipe["data.name"] == "given"
    assert any("edges mirrored to 80" in note for note in run.notes)


def test_settings_may_be_paths_and_a_loaded_recipe_takes_them_too() -> None:
    recipe = graphcl.load("grace", train={"epochs": 3}, **{"views.a.augment.drop_edges.p": 0.5})
    assert (recipe["train.epochs"], recipe["views.a.augment.drop_edges.p"]) == (3, 0.5)
    assert recipe["train.lr"] == 5e-4
    run = graphcl.fit(recipe, data=two_rings(), **SHORT)
    assert (run.recipe["train.epochs"], run.recipe["views.a.augment.drop_edges.p"]) == (2, 0.5)
    with pytest.raises(ConfigError, match=r"keyword: unknown key 'train\.epoch'; nearest: 'train\.epochs'"):
        graphcl.load("grace", train={"epoch": 3})


def test_a_name_or_options_in_the_place_of_a_graph() -> None:
    by_name = graphcl.fit("grace", data="karate", **SHORT)
    by_options = graphcl.fit("grace", data={"name": "karate", "features": "degree"}, **SHORT)
    assert by_name.embed().shape == by_options.embed().shape == (34, 8)
    assert by_options.task.data.graph.num_features == 1


def test_without_labels_nothing_is_judged_and_it_is_said() -> None:
    run = graphcl.fit("grace", data=two_rings(y=None), **SHORT)
    assert run.embed().shape == (40, 8)
    assert not any(name.endswith("accuracy") for name in run.metrics)
    assert "nothing is judged: the nodes have no labels" in run.notes
    assert not any("judging on test" in note for note in run.notes)
    assert any("judging on test" in note for note in graphcl.fit("grace", data=two_rings(), **SHORT).notes)


def test_labels_do_not_change_what_is_learned() -> None:
    with_labels, without = (graphcl.fit("grace", data=two_rings(**y), **SHORT) for y in ({}, {"y": None}))
    assert torch.equal(with_labels.embed(), without.embed())


def test_a_new_graph_is_embedded_as_if_it_had_been_there() -> None:
    run = graphcl.fit("grace", data=two_rings(), **SHORT)
    assert torch.allclose(run.embed(two_rings()), run.embed(), atol=1e-6)
    lonely = Data(x=torch.ones(3, 5), edge_index=torch.empty(2, 0, dtype=torch.int64))
    found = run.embed(lonely)
    assert torch.equal(found[0], found[2])  # no edges: each node sees itself alone


def test_a_part_of_the_graph_that_no_edge_leaves_has_its_old_embeddings() -> None:
    whole = two_rings()
    first = Data(x=whole.x[:20], edge_index=whole.edge_index[:, :20])
    run = graphcl.fit("grace", data=whole, **SHORT)
    assert torch.allclose(run.embed(first), run.embed()[:20], atol=1e-6)
    assert not torch.allclose(run.embed(first), run.embed()[20:], atol=1e-3)


@pytest.mark.parametrize(
    ("graph", "says"),
    [
        (two_rings(features=4), "4 features, the run was trained on 5"),
        (nx.path_graph(3), "no features, the run was trained on 5"),
        (HeteroData(), "0 types of nodes; the node task needs one"),
        (Data(x=torch.ones(2, 5), edge_index=torch.tensor([[0], [5]])), r"an edge names node 5, but there are 2 nodes"),
        (Data(x=torch.full((2, 5), torch.nan), edge_index=torch.tensor([[0], [1]])), "feature 0 of node 0 is nan"),
    ],
)
def test_a_graph_that_cannot_be_embedded(graph: Any, says: str, run: graphcl.Fitted) -> None:
    with pytest.raises(UserError, match=says):
        run.embed(graph)


@pytest.fixture(scope="module")
def run() -> graphcl.Fitted:
    return graphcl.fit("grace", data=two_rings(), **SHORT)


def test_identity_features_know_no_new_node() -> None:
    run = graphcl.fit("grace", data=nx.karate_club_graph(), **SHORT)
    assert run.embed().shape == (34, 8)
    assert "not read of the given graph: club" in "\n".join(run.notes)
    with pytest.raises(UserError, match="identity features, one column for each node of its own graph"):
        run.embed(nx.path_graph(34))
    inductive = graphcl.fit("grace", data=nx.karate_club_graph(), **SHORT, **{"data.features": "degree"})
    assert inductive.embed(nx.path_graph(5)).shape == (5, 8)


def test_a_tower_of_tables_knows_no_new_node() -> None:
    run = graphcl.fit("grace", data=two_rings(), **{**SHORT, "encoder": {"name": "lightgcn", "dim": 8}})
    with pytest.raises(UserError, match=r"tower 'main' \(lightgcn\) learns an embedding for each node"):
        run.embed(two_rings())


def test_the_weights_of_edges_matter_and_are_kept(tmp_path: Path) -> None:
    graph = two_rings()
    weight = torch.rand(40, generator=torch.Generator().manual_seed(1)) + 0.1
    graph.edge_weight = weight
    run = graphcl.fit("grace", data=graph, out=tmp_path / "run", **SHORT)
    assert run.task.data.graph.edge_weight.shape == (80,)
    plain = graphcl.fit("grace", data=two_rings(), **SHORT)
    assert not torch.allclose(run.embed(), plain.embed(), atol=1e-4)
    opened = open_run(tmp_path / "run")
    assert torch.equal(opened.data.graph.edge_weight, run.task.data.graph.edge_weight)
    found, _ = opened.embed_unseen(graph)
    assert torch.allclose(found[""], run.embed(), atol=1e-6)


def test_ids_of_a_networkx_graph_reach_the_run(tmp_path: Path) -> None:
    graph = nx.Graph([("ann", "bob"), ("bob", "cy"), ("cy", "ann"), ("cy", "dee")])
    run = graphcl.fit("grace", data=graph, out=tmp_path / "run", **SHORT)
    assert run.task.data.ids == ["ann", "bob", "cy", "dee"]
    assert open_run(tmp_path / "run").data.ids == ["ann", "bob", "cy", "dee"]


def test_a_dgl_graph_is_data() -> None:
    pytest.importorskip("dgl", reason="DGL is not installed: pip install 'graphcl[dgl]'")
    from graphcl.dgl import to_dgl

    ours, theirs = (graphcl.fit("grace", data=graph, **SHORT) for graph in (two_rings(), to_dgl(two_rings())))
    assert torch.equal(ours.embed(), theirs.embed())


def test_dgl_as_the_backend_gives_the_same_training() -> None:
    pytest.importorskip("dgl", reason="DGL is not installed: pip install 'graphcl[dgl]'")
    train = {**SHORT["train"], "backend": "dgl"}
    ours, theirs = (graphcl.fit("grace", data=two_rings(), **{**SHORT, "train": t}) for t in (SHORT["train"], train))
    assert torch.allclose(ours.embed(), theirs.embed(), atol=1e-5)
    assert ours.embed().abs().max() > 0.1


def test_a_missing_backend_is_said_before_any_data_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    from graphcl.core.errors import MissingExtra

    def missing(*_: str) -> None:
        raise MissingExtra("pip install 'graphcl[dgl]'")

    monkeypatch.setattr("graphcl.dgl.load.require", missing)
    with pytest.raises(MissingExtra, match=r"graphcl\[dgl\]"):
        graphcl.fit("grace", data={"path": "nowhere.npz"}, train={"backend": "dgl"})


def test_graph_objects_only_where_the_task_takes_them() -> None:
    with pytest.raises(UserError, match="the task 'recommend' takes no graph objects"):
        graphcl.fit("lightgcl", data=two_rings())
    with pytest.raises(UserError, match=r"kind 'images' takes no graph objects; give data\.path"):
        graphcl.fit("simclr_patches", data=[two_rings(), two_rings()])
    with pytest.raises(UserError, match=r"labels that are float32 .* one class a node"):
        graphcl.fit("grace", data=two_rings(y=torch.randn(40)))


# --- many graphs ------------------------------------------------------------------------------------

MANY = {"train": {"epochs": 2, "threads": 1, "batch_size": 8}, "encoder": {"dim": 8}, "eval": {"baselines": []}}


def rings_and_stars(count: int = 24, *, labelled: bool = True) -> list[Data]:
    graphs = []
    for number in range(count):
        size = 4 + number % 4
        graph = graphcl.as_graph(nx.cycle_graph(size) if number % 2 else nx.star_graph(size - 1))
        graph.x = torch.randn(size, 3, generator=torch.Generator().manual_seed(number))
        if labelled:
            graph.y = torch.tensor([number % 2])
        graphs.append(graph)
    return graphs


def test_a_list_of_graphs_is_data_of_a_graph_recipe() -> None:
    run = graphcl.fit("graphcl", data=rings_and_stars(), **MANY, **{"eval.folds": 3})
    assert run.embed().shape[0] == 24
    assert "test/accuracy" in run.metrics
    again = run.embed(rings_and_stars())
    assert torch.allclose(again, run.embed(), atol=1e-5)
    assert torch.allclose(run.embed(rings_and_stars()[3:5]), run.embed()[3:5], atol=1e-5)
    with pytest.raises(UserError, match="2 features, the run was trained on 3"):
        run.embed([Data(x=torch.ones(2, 2), edge_index=torch.tensor([[0], [1]]))])
    with pytest.raises(UserError, match=r"the features are degree, the run was trained on attributes \(3 columns\)"):
        run.embed([nx.path_graph(3)])


def test_graphs_without_labels_and_without_features(tmp_path: Path) -> None:
    graphs = [nx.cycle_graph(3 + number % 4) if number % 2 else nx.star_graph(3) for number in range(12)]
    run = graphcl.fit("graphcl", data=graphs, out=tmp_path / "run", **MANY)
    assert "nothing is judged: the graphs have no labels" in run.notes
    assert not any(name.endswith("accuracy") for name in run.metrics)
    hub = run.embed([nx.star_graph(30), nx.cycle_graph(3)])  # a degree that training has never seen
    assert hub.shape[0] == 2
    assert torch.isfinite(hub).all()
    found, _ = open_run(tmp_path / "run").embed_unseen(graphs)
    assert torch.allclose(found["graph"], run.embed(), atol=1e-5)


def test_a_batch_is_taken_apart_and_types_are_refused() -> None:
    from torch_geometric.data import Batch

    graphs = rings_and_stars(12)
    batch = [Batch.from_data_list(graphs)]
    one, other = (graphcl.fit("graphcl", data=data, **MANY, **{"eval.folds": 3}) for data in (graphs, batch))
    assert torch.equal(one.embed(), other.embed())
    with pytest.raises(UserError, match="several types of nodes"):
        graphcl.fit("graphcl", data=[HeteroData(), HeteroData()], **MANY)

def test_what_is_no_data_is_refused_in_one_line() -> None:
    for wrong, message in (
        ([1, 2], "element 0 of the list is a int"),
        ([], "the list is empty"),
        (torch.rand(4, 4), "got a Tensor"),
        (Path("nodes.csv"), 'a file is data={"path": ...}'),
        ((two_rings(), None), "element 1 of the tuple is a NoneType"),
    ):
        with pytest.raises(UserError, match=r"^data: ") as refused:
            graphcl.fit("grace", data=wrong, **SHORT)
        assert message in str(refused.value)
    with pytest.raises(UserError, match="the node task trains on one graph, and 2 graphs are given"):
        graphcl.fit("grace", data=[two_rings(), two_rings()], **SHORT)


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (two_rings(edge_index=torch.zeros(5, 2).long()), r"edge_index that is int64 \[5, 2\]; give whole numbers"),
        (two_rings(edge_index=torch.zeros(2, 5)), r"edge_index that is float32 \[2, 5\]"),
        (two_rings(edge_index=None, adj_t=torch.eye(40)), "no edge_index .* but adj_t, which is not read"),
        (two_rings(x=torch.zeros(40, 3, dtype=torch.complex64)), r"features that are complex64 \[40, 3\]"),
        (two_rings(x=torch.zeros(40)), r"features that are float32 \[40\]"),
        (two_rings(y=torch.rand(40)), r"labels that are float32 \[40\]"),
        (two_rings(y=["a"] * 3), "labels that are a list"),
        (two_rings(y=torch.full((40,), -4)), "label -4 of node 0; classes are numbered from 0, and -1 says"),
    ],
)
def test_tensors_of_another_form_are_refused(graph: Data, message: str) -> None:
    with pytest.raises(UserError, match=message):
        graphcl.fit("grace", data=graph, **SHORT)


def test_networkx_values_that_make_no_tensor_are_refused_and_names_of_classes_are_taken() -> None:
    ring = nx.cycle_graph(40)
    for node in ring:
        ring.nodes[node].update(x=[1.0, float(node)], y="ab"[node % 2])
    run = graphcl.fit("grace", data=ring, **SHORT)
    assert run.task.data.class_names == ["a", "b"]
    assert run.task.data.labels.tolist() == [0, 1] * 20
    for value in ("red", [1.0]):
        ring.nodes[3]["x"] = value
        with pytest.raises(UserError, match="features that are a list, of unequal lengths or no numbers"):
            graphcl.fit("grace", data=ring, **SHORT)


def rings(count: int, **more: Any) -> list[Data]:
    return [two_rings(6, y=None, **more) for _ in range(count)]


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        (two_rings(6, features=2, y=None), "graph 3 has 2 features a node, graph 0 has 5; give all graphs the same"),
        (two_rings(6, y=None, x=None), "1 of 4 graphs have no node features 'x', as graph 3"),
        (Data(x=torch.rand(0, 5), edge_index=torch.zeros(2, 0).long()), "graph 3 of the given graphs has no nodes"),
        (Data(x=torch.rand(2, 5), edge_index=torch.tensor([[0], [2]])), "graph 3 .*: an edge names node 2"),
        (two_rings(6, y=torch.tensor([0, 1])), r"one class a graph, a whole number; graph 3 has \[2\] torch.int64"),
    ],
)
def test_a_graph_that_does_not_fit_the_others_is_named(odd: Data, message: str) -> None:
    with pytest.raises(UserError, match=message):
        graphcl.fit("graphcl", data=[*rings(3), odd], **SHORT)


def test_one_graph_is_nothing_to_contrast() -> None:
    with pytest.raises(UserError, match="there is one graph, and nothing to contrast it with"):
        graphcl.fit("graphcl", data=rings(1), **SHORT)


def test_graphs_without_a_label_among_others_are_kept() -> None:
    graphs = rings(4)
    graphs[0].y, graphs[2].y = torch.tensor([1]), torch.tensor([0])
    data = GraphSetData(given=graphs).load(seed=0)
    assert data.labels.tolist() == [1, -1, 0, -1]
    assert "graphs without a label, trained on but not judged: 2" in data.report.notes


def test_others_may_read_what_a_run_wrote(tmp_path: Path) -> None:
    """Files have the mode that the user's umask gives, those that safetensors and temporary names are in too."""
    graphcl.fit("grace", data=two_rings(), out=tmp_path / "run", **SHORT)
    mask = os.umask(0)
    os.umask(mask)
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert len(files) > 8
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in files} == {
        path.name: oct(0o666 & ~mask) for path in files
    }
