"""Readers of graph sets: TU text files, tables, torch_geometric, the atlas."""

from __future__ import annotations

import shutil
from pathlib import Path

import networkx as nx
import pandas as pd
import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.datasets import TUDataset
from torch_geometric.utils import to_networkx

from graphcl.core.errors import UserError
from graphcl.data.cards import card_names, load_card
from graphcl.data.graph_sets.atlas import CLASSES, read_atlas
from graphcl.data.graph_sets.folder import read_graph_folder
from graphcl.data.graph_sets.graph_set import GraphSetData
from graphcl.data.graph_sets.pyg import from_graphs
from graphcl.data.graph_sets.tu import read_tu
from graphcl.data.graphs.pyg import load_pyg

from .small import TABLES, TU, write_tables, write_tu


def test_tu_text_files(tmp_path: Path) -> None:
    raw = read_tu(write_tu(tmp_path))
    assert raw.edge_index.T.tolist() == [[0, 1], [1, 0], [1, 2], [2, 1], [0, 2], [2, 0], [3, 4], [4, 3], [4, 5], [5, 4]]
    assert raw.graph_of.tolist() == [0, 0, 0, 1, 1, 1, 2]
    assert raw.y.tolist() == [0, 1, 1]
    assert raw.class_names == ["-1", "1"]
    assert raw.ids == ["1", "2", "3"]
    assert raw.categories.flatten().tolist() == [0, 0, 1, 1, 2, 0, 0]
    assert raw.attributes[:2].tolist() == [[0.5, 1.0], [1.0, 1.0]]


def test_tu_without_node_files_and_without_edges(tmp_path: Path) -> None:
    raw = read_tu(write_tu(tmp_path, A="", node_labels=None, node_attributes=None))
    assert raw.edge_index.shape == (2, 0)
    assert raw.categories is None
    assert raw.attributes is None


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"graph_labels": None}, "graph_labels.txt is missing"),
        ({"A": None}, "_A.txt is missing"),
        ({"graph_indicator": None}, "no file DS_graph_indicator"),
        ({"graph_indicator": "0\n1\n"}, "numbered from 1, found 0"),
        ({"graph_labels": "0.5\n1\n1\n"}, "graph_labels.txt: could not convert"),
        ({"A": "1, 2, 3\n"}, "an edge has two"),
        ({"graph_indicator": "1 1\n2 2\n"}, "holds 2 numbers, expected one"),
    ],
)
def test_bad_tu_files_are_named(tmp_path: Path, changed: dict[str, str | None], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_tu(write_tu(tmp_path, **changed))


def test_two_sets_in_a_folder(tmp_path: Path) -> None:
    (write_tu(tmp_path) / "ES_graph_indicator.txt").write_text(TU["graph_indicator"])
    with pytest.raises(UserError, match="the sets DS, ES"):
        read_tu(tmp_path)


def test_mutag_is_what_torch_geometric_reads(shared_data: Path, tmp_path: Path) -> None:
    raw = shared_data / "graphs" / "TUDataset" / "MUTAG" / "raw"
    shutil.copytree(raw, tmp_path / "MUTAG" / "raw", copy_function=shutil.copyfile)
    theirs = TUDataset(str(tmp_path), "MUTAG")
    ours = GraphSetData("mutag", data_root=shared_data).load(seed=0)
    assert len(ours) == len(theirs) == 188
    assert ours.labels.tolist() == [int(graph.y) for graph in theirs]
    for mine, graph in zip(ours.packed, theirs, strict=True):
        assert torch.equal(mine.x, graph.x)
        assert torch.equal(mine.edge_index, graph.edge_index)


CARDS = [card.name for card in map(load_card, card_names()) if card.task == "graph" and not card.kind]


@pytest.mark.parametrize("name", CARDS)
def test_counts_of_the_cards(name: str, shared_data: Path) -> None:
    counts = load_card(name).counts
    data = GraphSetData.from_card(name, data_root=shared_data).load(seed=0)
    assert len(data) == counts["graphs"]
    assert int(data.labels.max()) + 1 == counts["classes"] == len(data.class_names)
    assert data.packed.x.shape[1] == counts.get("features", data.packed.x.shape[1])


# --- tables ----------------------------------------------------------------------------------------


def test_tables_with_nodes_in_any_order(tmp_path: Path) -> None:
    raw = read_graph_folder(write_tables(tmp_path))
    assert raw.ids == ["ring", "path", "dot"]
    assert raw.class_names == ["no", "yes"]
    assert raw.y.tolist() == [1, 0, 0]
    assert raw.graph_of.tolist() == [0, 1, 0, 0, 1, 1, 2]
    assert raw.attributes.flatten().tolist() == [1, 4, 2, 3, 5, 6, 7]
    assert raw.edge_index.T.tolist() == [[0, 2], [2, 3], [3, 0], [1, 4], [4, 5]]


def test_parquet_tables_are_read_alike(tmp_path: Path) -> None:
    (tmp_path / "csv").mkdir()
    text = read_graph_folder(write_tables(tmp_path / "csv"))
    for stem in TABLES:
        pd.read_csv(tmp_path / "csv" / f"{stem}.csv").to_parquet(tmp_path / f"{stem}.parquet")
    raw = read_graph_folder(tmp_path)
    assert raw.ids == text.ids
    assert torch.equal(raw.edge_index, text.edge_index)
    assert torch.equal(raw.attributes, text.attributes)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"graphs": None}, r"no graphs\.csv; a graph set is"),
        ({"nodes": TABLES["nodes"].replace("graph", "grpah")}, "no column 'graph'; nearest: 'grpah'"),
        ({"nodes": TABLES["nodes"].replace("dot", "dto")}, "line 8: 'dto' is not an id of graphs.csv"),
        ({"nodes": TABLES["nodes"].replace("b,ring", "a,ring")}, "node id 'a' occurs more than once"),
        ({"graphs": TABLES["graphs"].replace("path", "ring")}, "graph id 'ring' occurs more than once"),
        ({"edges": TABLES["edges"].replace("e,f", "e,z")}, "line 6: 'z' is not an id of nodes.csv"),
        ({"nodes": TABLES["nodes"].replace(",7", ",heavy")}, "columns other than id and graph are features"),
    ],
)
def test_bad_tables_are_named(tmp_path: Path, changed: dict[str, str | None], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_graph_folder(write_tables(tmp_path, **changed))


# --- the others ------------------------------------------------------------------------------------


def test_the_atlas_knows_its_classes() -> None:
    raw = read_atlas()
    assert raw.y.tolist().count(0) == 71
    for number in range(0, len(raw.y), 7):
        nodes = (raw.graph_of == number).nonzero().flatten()
        inside = raw.edge_index[:, raw.graph_of[raw.edge_index[0]] == number] - nodes[0]
        graph = to_networkx(Data(edge_index=inside, num_nodes=len(nodes)), to_undirected=True)
        falls_apart = any(not nx.is_connected(graph.subgraph(set(graph) - {node})) for node in graph)
        assert CLASSES[int(raw.y[number])] == ("cut node" if falls_apart else "no cut node")


def test_graphs_of_torch_geometric() -> None:
    edge = torch.tensor([[0, 1], [1, 0]])
    graphs = [Data(x=torch.ones(2, 3), edge_index=edge, y=torch.tensor([label])) for label in (4, 0)]
    raw = from_graphs(graphs, "mine")
    assert raw.y.tolist() == [4, 0]
    assert raw.edge_index.tolist() == [[0, 1, 2, 3], [1, 0, 3, 2]]
    with pytest.raises(UserError, match="one class a graph"):
        from_graphs([*graphs, Data(x=torch.ones(1, 3), edge_index=edge[:, :0], y=torch.tensor([0.5]))], "mine")
    with pytest.raises(UserError, match="1 of 3 graphs have no node features"):
        from_graphs([*graphs, Data(edge_index=edge, num_nodes=2, y=torch.tensor([1]))], "mine")
    assert from_graphs([Data(edge_index=edge, num_nodes=2)] * 2, "mine").y is None


def test_a_class_that_torch_geometric_lacks() -> None:
    with pytest.raises(UserError, match="nearest: 'TUDataset'"):
        load_pyg("pyg:TUDatset/MUTAG")
