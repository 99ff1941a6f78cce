"""What training gets of a graph set: packing, features, checks, folds, storage."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.data import Batch, Data

from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.data.graph_sets.graph_set import GraphSet, GraphSetData
from graphcl.data.graph_sets.packed import PackedGraphs
from graphcl.data.graphs.splits import stratified_folds

from .small import TABLES, write_tables, write_tu


def load(folder: Path, **options: object) -> GraphSet:
    return GraphSetData(path=str(folder), **options).load(seed=0)  # type: ignore[arg-type]


@st.composite
def graph_lists(draw: st.DrawFn) -> list[Data]:
    sizes = draw(st.lists(st.integers(1, 5), min_size=1, max_size=6))
    graphs = []
    for number, size in enumerate(sizes):
        edges = draw(st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=6))
        index = torch.tensor(edges, dtype=torch.int64).reshape(-1, 2).T.contiguous()
        graphs.append(Data(x=torch.randn(size, 2, generator=generator(number)), edge_index=index, num_nodes=size))
    return graphs


@given(graph_lists(), st.data())
def test_packing_loses_nothing_and_batches_as_torch_geometric_does(graphs: list[Data], data: st.DataObject) -> None:
    packed = PackedGraphs.pack(graphs)
    assert len(packed) == len(graphs)
    for mine, graph in zip(packed, graphs, strict=True):
        assert torch.equal(mine.x, graph.x)
        assert torch.equal(mine.edge_index, graph.edge_index)
    numbers = data.draw(st.lists(st.integers(0, len(graphs) - 1), min_size=1, max_size=8))
    mine, theirs = packed.batch(torch.tensor(numbers)), Batch.from_data_list([graphs[n] for n in numbers])
    for name in ("x", "edge_index", "batch", "ptr"):
        assert torch.equal(mine[name], theirs[name]), name
    assert (mine.num_nodes, mine.num_graphs) == (theirs.num_nodes, theirs.num_graphs)
    for one, graph in zip(mine.to_data_list(), theirs.to_data_list(), strict=True):
        assert torch.equal(one.x, graph.x)
        assert torch.equal(one.edge_index, graph.edge_index)


def test_a_batch_of_no_graphs_and_positions_from_the_end() -> None:
    packed = GraphSetData().load(seed=0).packed
    assert packed.batch(torch.zeros(0, dtype=torch.int64)).num_graphs == 0
    assert torch.equal(packed[-1].edge_index, packed[len(packed) - 1].edge_index)
    assert len(packed[2:5]) == 3
    with pytest.raises(IndexError):
        packed[len(packed)]


# --- features --------------------------------------------------------------------------------------


def test_features_by_their_kind(tmp_path: Path) -> None:
    write_tu(tmp_path)
    assert load(tmp_path).packed.x[:3].tolist() == [[1, 0, 0], [1, 0, 0], [0, 1, 0]]
    assert load(tmp_path, features="all").packed.x[2].tolist() == [2, 1, 0, 1, 0]
    assert load(tmp_path, features="constant").packed.x.tolist() == [[1.0]] * 7
    degree = load(tmp_path, features="degree", max_degree=1).packed.x
    assert degree.tolist() == [[0, 1]] * 6 + [[1, 0]]  # two neighbours and one share the last column


def test_without_features_degrees_stand_in_and_are_said(tmp_path: Path) -> None:
    data = load(write_tu(tmp_path, node_labels=None, node_attributes=None))
    assert data.packed.x.tolist() == [[0, 0, 1]] * 3 + [[0, 1, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]]
    assert any("the data has no node features" in note for note in data.report.notes)
    assert "graphs of a single node, kept: 1" in data.report.notes


def test_nodes_in_any_order_come_out_by_graph(tmp_path: Path) -> None:
    data = load(write_tables(tmp_path))
    assert data.packed.x.flatten().tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert data.packed[0].edge_index.tolist() == [[0, 0, 1, 1, 2, 2], [1, 2, 0, 2, 0, 1]]
    assert data.packed[1].edge_index.tolist() == [[0, 1, 1, 2], [1, 0, 2, 1]]
    assert data.packed[2].edge_index.shape == (2, 0)
    assert data.ids == ["ring", "path", "dot"]
    directed = load(tmp_path, directed=True)
    assert directed.packed[0].num_edges == 3


# --- checks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"graph_labels": "1\n1\n1\n"}, "all of one class"),
        ({"graph_labels": "1\n2\n"}, "node 6 is of graph 2, but there are 2 graphs"),
        ({"graph_labels": "1\n2\n2\n2\n"}, "graph '4' has no nodes"),
        ({"A": "1, 4\n"}, "joins node 0 of graph '1' and node 3 of graph '2'"),
        ({"A": "1, 8\n"}, "names node 7, but there are 7 nodes"),
        ({"A": "0, 1\n"}, "names node -1"),
        ({"node_attributes": "nan 1\n" * 7}, "feature 0 of node 0 is nan"),
        ({"node_labels": "1\n2\n"}, "2 rows of node categories for 7 nodes"),
    ],
)
def test_what_no_graph_task_can_use_is_refused(tmp_path: Path, changed: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load(write_tu(tmp_path, **changed))


def test_unlabelled_graphs_train_but_are_in_no_fold(tmp_path: Path) -> None:
    graphs = TABLES["graphs"].replace("dot,no", "dot,")
    data = load(write_tables(tmp_path, graphs=graphs))
    assert data.labels.tolist() == [1, 0, -1]
    assert len(data.packed) == 3
    assert sorted(torch.cat(data.folds(1)).tolist()) == [0, 1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "/nowhere"}, "does not exist"),
        ({"name": "cora"}, "a data set for the task 'node', not for 'graph'"),
        ({"name": "mutga"}, "nearest: 'mutag'"),
    ],
)
def test_data_that_are_not_there(options: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        GraphSetData(**options).load(seed=0)  # type: ignore[arg-type]


# --- folds -----------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(1, 10), st.integers(0, 5))
def test_folds_are_disjoint_whole_and_even_in_every_class(labels: list[int], count: int, seed: int) -> None:
    y = torch.tensor(labels)
    folds = stratified_folds(y, count, generator=generator(seed))
    assert sorted(torch.cat(folds).tolist()) == list(range(len(labels)))
    sizes = [len(fold) for fold in folds]
    assert max(sizes) - min(sizes) <= 1
    for label in set(labels):
        shares = [int((y[fold] == label).sum()) for fold in folds]
        assert max(shares) - min(shares) <= 1


def test_folds_follow_from_seed_and_repeat() -> None:
    data, other = GraphSetData().load(seed=0), GraphSetData().load(seed=1)
    first = [fold.tolist() for fold in data.folds(10)]
    assert first == [fold.tolist() for fold in data.folds(10)]
    assert first != [fold.tolist() for fold in data.folds(10, repeat=1)]
    assert first != [fold.tolist() for fold in other.folds(10)]


def test_a_class_smaller_than_the_folds_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="class '-1' has 1 graph, fewer than the 3 folds; give it 3 or more, or"):
        load(write_tu(tmp_path)).folds(3)
    data = dataclasses.replace(GraphSetData().load(seed=0), class_names=["a", "b"])
    with pytest.raises(UserError, match=r"class '[ab]' has \d+ graphs, fewer than the 100 folds; lower it"):
        data.folds(100)


# --- storage ---------------------------------------------------------------------------------------


def test_what_a_run_keeps_is_what_it_had(tmp_path: Path) -> None:
    data = load(write_tables(tmp_path))
    data.save(tmp_path / "kept")
    again = GraphSetData.read(tmp_path / "kept")
    for name in ("x", "edge_index", "node_ptr", "edge_ptr"):
        assert torch.equal(getattr(again.packed, name), getattr(data.packed, name)), name
    assert torch.equal(again.labels, data.labels)
    assert (again.seed, again.ids, again.class_names) == (data.seed, data.ids, data.class_names)
    assert again.report == data.report


def test_a_damaged_folder_is_named(tmp_path: Path) -> None:
    load(write_tables(tmp_path)).save(tmp_path / "kept")
    (tmp_path / "kept" / "graph.safetensors").write_bytes(b"x")
    with pytest.raises(UserError, match="is damaged"):
        GraphSetData.read(tmp_path / "kept")
