"""The Geom-GCN, attributed-network and WikiCS files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from graphcl.core.errors import UserError
from graphcl.data.cards import load_card
from graphcl.data.graphs.attributed import read_attributed
from graphcl.data.graphs.geom_gcn import EDGES, NODES, read_geom_gcn
from graphcl.data.graphs.node_graph import NodeGraphData
from graphcl.data.graphs.wikics import read_wikics


def geom_gcn(folder: Path, feature: str, rows: list[str], splits: int = 2) -> list[str]:
    (folder / NODES).write_text("\n".join([f"node_id\t{feature}\tlabel", *rows]))
    (folder / EDGES).write_text("node_id\tnode_id\n0\t1\n2\t2\n0\t1\n")
    names = []
    for number in range(splits):
        masks = {key: (np.arange(3) == (place + number) % 3).astype(np.uint8) for place, key in enumerate(
            ("train_mask", "val_mask", "test_mask"))}
        names.append(f"x_split_0.6_0.2_{number}.npz")
        np.savez(folder / names[-1], **masks)
    return names


def test_geom_gcn_with_dense_rows_in_any_order(tmp_path: Path) -> None:
    names = geom_gcn(tmp_path, "feature", ["2\t0,1\t4", "0\t1,1\t3", "1\t1,0\t4"])
    graph = read_geom_gcn(tmp_path, names)
    assert graph.x is not None
    assert graph.y is not None
    assert graph.x.tolist() == [[1, 1], [1, 0], [0, 1]]
    assert graph.y.tolist() == [3, 4, 4]
    assert graph.edge_index.tolist() == [[0, 2, 0], [1, 2, 1]]
    assert {part: mask.long().tolist() for part, mask in graph.masks.items()} == {
        "train": [[1, 0], [0, 1], [0, 0]],
        "valid": [[0, 0], [1, 0], [0, 1]],
        "test": [[0, 1], [0, 0], [1, 0]],
    }


def test_geom_gcn_with_indices_of_ones(tmp_path: Path) -> None:
    geom_gcn(tmp_path, "feature(feature_amount:3)", ["0\t3,1\t0", "1\t1\t1", "2\t0\t0"])
    graph = read_geom_gcn(tmp_path, [])
    assert graph.x is not None
    assert graph.x.tolist() == [[0, 1, 0, 1], [0, 1, 0, 0], [1, 0, 0, 0]]
    assert graph.masks == {}


@pytest.mark.parametrize("rows", [["0\t1\t0", "0\t1\t0"], ["0\t1"], ["0\tx\t0"], ["0\t1,0\t0", "1\t1\t0"]])
def test_geom_gcn_of_another_form(tmp_path: Path, rows: list[str]) -> None:
    geom_gcn(tmp_path, "feature", rows)
    with pytest.raises(UserError, match="not a graph in the Geom-GCN form"):
        read_geom_gcn(tmp_path, [])


def attributed(folder: Path, labels: str) -> Path:
    matrix = sp.csr_matrix(np.array([[0, 2], [1, 0], [0, 0]], dtype=np.float32))
    np.savez(folder / "attrs.npz", data=matrix.data, indices=matrix.indices, indptr=matrix.indptr, shape=matrix.shape)
    (folder / "edgelist.txt").write_text("0 1\n1 0\n")
    (folder / "labels.txt").write_text(labels)
    return folder


def test_attributed_network(tmp_path: Path) -> None:
    graph = read_attributed(attributed(tmp_path, "1\t9\n0\t4\n"))
    assert graph.x is not None
    assert graph.y is not None
    assert graph.x.layout == torch.strided
    assert graph.x.tolist() == [[0, 2], [1, 0], [0, 0]]
    assert graph.y.tolist() == [0, 1, -1]  # node 2 has no label; the last node has no edge
    assert graph.class_names == ["4", "9"]
    assert graph.num_nodes == 3


@pytest.mark.parametrize("labels", ["0\t1\t2\n1\t1\t1\n", "0\tx\n", "7\t0\n"])
def test_an_attributed_network_of_another_form(tmp_path: Path, labels: str) -> None:
    with pytest.raises(UserError, match="not an attributed network"):
        read_attributed(attributed(tmp_path, labels))


WIKI = {
    "features": [[0.5, -1.0], [0.0, 2.0], [1.0, 1.0]],
    "labels": [0, 1, 0],
    "links": [[1, 2], [], [2]],
    "train_masks": [[True, False, False], [False, True, False]],
    "val_masks": [[False, True, False], [True, False, False]],
    "stopping_masks": [[False] * 3] * 2,
    "test_mask": [False, False, True],
}


def test_wikics(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text(json.dumps(WIKI))
    graph = read_wikics(tmp_path / "data.json")
    assert graph.edge_index.tolist() == [[0, 0, 2], [1, 2, 2]]
    assert graph.num_nodes == 3
    assert {part: mask.long().tolist() for part, mask in graph.masks.items()} == {
        "train": [[1, 0], [0, 1], [0, 0]],
        "valid": [[0, 1], [1, 0], [0, 0]],
        "test": [[0, 0], [0, 0], [1, 1]],
    }


@pytest.mark.parametrize("change", [{"links": None}, {"features": [[1], [2, 3]]}])
def test_wikics_of_another_form(tmp_path: Path, change: dict) -> None:
    (tmp_path / "data.json").write_text(json.dumps({**WIKI, **change}))
    with pytest.raises(UserError, match=r"not the data\.json of WikiCS"):
        read_wikics(tmp_path / "data.json")


def test_actor_is_directed_with_ten_splits(shared_data: Path) -> None:
    data = NodeGraphData.from_card("actor", data_root=shared_data / "graphs").load(seed=0)
    assert data.splits.count == 10
    assert [data.splits.at(number).sizes() for number in (0, 9)] == [{"train": 3648, "valid": 2432, "test": 1520}] * 2
    assert len({data.splits.at(number).digest() for number in range(10)}) == 10
    back = data.graph.edge_index.flip(0).t().tolist()
    assert {*map(tuple, back)} != {*map(tuple, data.graph.edge_index.t().tolist())}
    assert load_card("actor").defaults["eval"] == {"splits": 10}
