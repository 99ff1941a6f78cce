from __future__ import annotations

import networkx as nx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Data, HeteroData

from graphcl.core.errors import UserError
from graphcl.graph import as_graph, from_networkx, is_graph, to_networkx
from graphcl.graph.operators import build_operator


@st.composite
def graphs(draw: st.DrawFn) -> nx.Graph:
    """All four kinds, loops and lonely nodes included, nodes named by text in any order."""
    kind = draw(st.sampled_from([nx.Graph, nx.DiGraph, nx.MultiDiGraph]))
    names = draw(st.lists(st.sampled_from("abcdefg"), min_size=1, unique=True))
    ends = draw(st.lists(st.tuples(st.sampled_from(names), st.sampled_from(names)), max_size=6))
    graph = kind()
    for number, name in enumerate(names):
        graph.add_node(name, x=[float(number), 0.5], club=f"club {number % 2}")
    for number, (one, other) in enumerate(ends):
        graph.add_edge(one, other, weight=number + 0.5)
    return graph


@given(graphs())
@settings(max_examples=60)
def test_there_and_back(graph: nx.Graph) -> None:
    there = from_networkx(graph)
    assert there.ids == list(graph)
    back = to_networkx(there)
    assert list(back) == list(graph)
    assert dict(back.nodes(data=True)) == dict(graph.nodes(data=True))
    directed = graph if graph.is_directed() else graph.to_directed()
    returned = back if back.is_directed() else back.to_directed()
    assert sorted(returned.edges(data="weight")) == sorted(directed.edges(data="weight"))
    if not graph.is_directed():
        assert not back.is_directed()


def test_a_directed_graph_stays_one_unless_it_is_symmetric() -> None:
    assert to_networkx(from_networkx(nx.DiGraph([(0, 1), (1, 2)]))).is_directed()
    assert not to_networkx(from_networkx(nx.DiGraph([(0, 1), (1, 0)]))).is_directed()
    uneven = nx.DiGraph()
    uneven.add_edge(0, 1, weight=1.0)
    uneven.add_edge(1, 0, weight=2.0)
    assert to_networkx(from_networkx(uneven)).is_directed()


def test_numbered_nodes_have_no_ids_and_others_keep_their_names() -> None:
    assert "ids" not in from_networkx(nx.path_graph(3))
    assert from_networkx(nx.Graph([(1, 0)])).ids == ["1", "0"]
    with pytest.raises(UserError, match="same name"):
        from_networkx(nx.Graph([(1, "1")]))


def test_no_edges_and_nodes_without_edges() -> None:
    graph = nx.empty_graph(3)
    found = from_networkx(graph)
    assert found.edge_index.shape == (2, 0)
    assert found.num_nodes == 3
    assert to_networkx(found).number_of_nodes() == 3


def test_an_attribute_that_some_lack_is_named() -> None:
    graph = nx.path_graph(3)
    graph.nodes[1]["age"] = 3
    with pytest.raises(UserError, match="node 1 has the attribute 'age', node 0 has not"):
        from_networkx(graph)
    del graph.nodes[1]["age"]
    graph.edges[0, 1]["weight"] = 2.0
    with pytest.raises(UserError, match=r"edge \(0, 1\) has the attribute 'weight', edge \(1, 2\) has not"):
        from_networkx(graph)


def test_types_are_refused() -> None:
    with pytest.raises(UserError, match="homogeneous"):
        to_networkx(HeteroData())


def test_any_graph_is_taken_where_one_is_needed() -> None:
    club = nx.karate_club_graph()
    ours = from_networkx(club)
    assert as_graph(ours) is ours
    assert as_graph(club).num_nodes == 34
    assert is_graph(club)
    assert is_graph(nx.DiGraph())
    assert not is_graph([club])
    x = torch.randn(34, 2)
    assert torch.equal(build_operator(club).propagate(x), build_operator(ours).propagate(x))
    with pytest.raises(UserError, match=r"expected a graph .* got ndarray"):
        as_graph(x.numpy())


def test_a_dgl_graph_is_taken() -> None:
    pytest.importorskip("dgl", reason="DGL is not installed: pip install 'graphcl[dgl]'")
    from graphcl.dgl import to_dgl

    graph = to_dgl(Data(edge_index=torch.tensor([[0, 1], [1, 2]]), num_nodes=4))
    assert is_graph(graph)
    assert as_graph(graph).num_nodes == 4
    assert build_operator(graph, "none").propagate(torch.eye(4)).nonzero().tolist() == [[1, 0], [2, 1]]
