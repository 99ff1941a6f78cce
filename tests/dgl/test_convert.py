from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Batch, Data, HeteroData

pytest.importorskip("dgl", reason="DGL is not installed: pip install 'graphcl[dgl]'")

from graphcl.core.errors import UserError
from graphcl.dgl import from_dgl, load_dgl, to_dgl


def content(graph: Data | HeteroData) -> dict[Any, Any]:
    """(type, name) -> value of everything in a graph, number of nodes included."""
    found: dict[Any, Any] = {}
    for store in graph.stores:
        found |= {(store._key, key): value for key, value in store.items() if not key.startswith("_")}
    for store in graph.node_stores:
        found[store._key, "num_nodes"] = store.num_nodes
    return found


def assert_equal(one: Data | HeteroData, other: Data | HeteroData) -> None:
    a, b = content(one), content(other)
    assert a.keys() == b.keys()
    for key, value in a.items():
        if isinstance(value, Tensor):
            assert value.dtype == b[key].dtype, key
            assert torch.equal(value, b[key]), key
        else:
            assert value == b[key], key


def edges(draw: st.DrawFn, sources: int, targets: int) -> Tensor:
    count = draw(st.integers(0, 6)) if sources and targets else 0
    rows = [[draw(st.integers(0, size - 1)) for _ in range(count)] for size in (sources, targets)]
    return torch.tensor(rows, dtype=torch.int64).view(2, count)


def numbers(*shape: int) -> Tensor:
    """Different everywhere, so that any other order shows."""
    return torch.arange(1, torch.Size(shape).numel() + 1, dtype=torch.float32).view(shape)


@st.composite
def homogeneous(draw: st.DrawFn, of_batch: bool = False) -> Data:
    """Isolated and trailing nodes, loops, repeated and one-way edges; every kind of attribute."""
    count = draw(st.integers(1, 5))
    edge_index = edges(draw, count, count)
    graph = Data(edge_index=edge_index, num_nodes=count, x=numbers(count, 2), name=draw(st.sampled_from("ab")))
    graph.edge_weight, graph.edge_attr = numbers(edge_index.shape[1]), numbers(edge_index.shape[1], 3)
    graph.train_mask = torch.arange(count) % 2 == 0
    graph.y = torch.tensor([draw(st.integers(0, 9))]) if of_batch else torch.arange(count)
    return graph


@st.composite
def heterogeneous(draw: st.DrawFn) -> HeteroData:
    graph, sizes = HeteroData(), {"user": draw(st.integers(1, 4)), "item": draw(st.integers(1, 4))}
    for name, size in sizes.items():
        graph[name].num_nodes = size
        graph[name].x = numbers(size, 2)
    graph["item"].y = torch.arange(sizes["item"])
    for key in (("user", "buys", "item"), ("item", "bought by", "user"), ("user", "knows", "user")):
        graph[key].edge_index = edges(draw, sizes[key[0]], sizes[key[2]])
        graph[key].edge_weight = numbers(graph[key].edge_index.shape[1])
    return graph


@given(homogeneous())
@settings(max_examples=40)
def test_there_and_back(graph: Data) -> None:
    there = to_dgl(graph)
    assert there.num_nodes() == graph.num_nodes
    assert set(there.ndata) == {"x", "y", "train_mask"}
    assert set(there.edata) >= {"edge_weight", "edge_attr"}
    assert_equal(from_dgl(there), graph)


@given(heterogeneous())
@settings(max_examples=40)
def test_there_and_back_with_types(graph: HeteroData) -> None:
    back = from_dgl(to_dgl(graph))
    assert_equal(back, graph)
    assert back.node_types == graph.node_types  # DGL sorts them
    assert back.edge_types == graph.edge_types


@given(st.lists(homogeneous(of_batch=True), min_size=1, max_size=4))
@settings(max_examples=40)
def test_a_batch_there_and_back(graphs: list[Data]) -> None:
    batch = Batch.from_data_list(graphs)
    there = to_dgl(batch)
    assert there.batch_size == len(graphs)
    back = from_dgl(there)
    assert_equal(back, batch)
    for before, after in zip(graphs, back.to_data_list(), strict=True):
        assert_equal(after, before)


@given(st.lists(heterogeneous(), min_size=1, max_size=3))
@settings(max_examples=20)
def test_a_batch_with_types_there_and_back(graphs: list[HeteroData]) -> None:
    batch = Batch.from_data_list(graphs)
    assert to_dgl(batch).batch_size == len(graphs)
    assert_equal(from_dgl(to_dgl(batch)), batch)


def test_edges_of_a_batch_are_grouped_by_graph() -> None:
    path = Data(edge_index=torch.tensor([[0, 1], [1, 0]]), num_nodes=2, edge_weight=torch.tensor([1.0, 2.0]))
    batch = Batch.from_data_list([path, path])
    order = torch.tensor([2, 0, 3, 1])
    batch.edge_index, batch.edge_weight = batch.edge_index[:, order], torch.tensor([3.0, 1.0, 4.0, 2.0])
    back = from_dgl(to_dgl(batch))
    assert back.edge_weight.tolist() == [1, 2, 3, 4]
    assert back.edge_index.tolist() == [[0, 1, 2, 3], [1, 0, 3, 2]]


def test_a_graph_made_by_dgl_has_our_names() -> None:
    graph = load_dgl().graph((torch.tensor([0, 1], dtype=torch.int32), torch.tensor([1, 2], dtype=torch.int32)))
    graph.ndata["feat"], graph.ndata["label"] = numbers(3, 2), torch.tensor([0, 1, 0])
    graph.edata["weight"] = torch.tensor([0.5, 2.0])
    found = from_dgl(graph)
    assert found.edge_index.dtype == torch.int64
    assert torch.equal(found.x, graph.ndata["feat"])
    assert found.y.tolist() == [0, 1, 0]
    assert found.edge_weight.tolist() == [0.5, 2.0]
    graph.ndata["x"] = numbers(3, 1)
    assert (found := from_dgl(graph)).x.shape == (3, 1)  # ours wins, theirs keeps its name
    assert torch.equal(found.feat, graph.ndata["feat"])


def test_ids_and_graph_level_values_travel() -> None:
    graph = Data(edge_index=torch.tensor([[0], [1]]), num_nodes=3, ids=["a", "b", "c"], scale=torch.tensor(2.0))
    back = from_dgl(to_dgl(graph))
    assert back.ids == ["a", "b", "c"]
    assert back.scale == 2.0


def test_what_cannot_be_converted_is_said() -> None:
    with pytest.raises(UserError, match="no edge_index"):
        to_dgl(Data(x=torch.ones(2, 1)))
    with pytest.raises(UserError, match=r"'x' is a sparse tensor"):
        to_dgl(Data(edge_index=torch.tensor([[0], [1]]), x=torch.eye(2).to_sparse(), num_nodes=2))
    with pytest.raises(UserError, match=r"expected a dgl\.DGLGraph, got Data"):
        from_dgl(Data())
    block = load_dgl().to_block(load_dgl().graph(([0], [1])))
    with pytest.raises(UserError, match="block"):
        from_dgl(block)
