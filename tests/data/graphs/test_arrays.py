from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from graphcl.core.errors import UserError
from graphcl.data.graphs.node_graph import NodeGraphData, NodeSplitOptions

EDGES = np.array([[0, 1, 2, 3], [1, 2, 3, 4]])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "graph"
    path.mkdir()
    np.save(path / "edge_index.npy", EDGES)
    np.save(path / "x.npy", np.arange(18, dtype=np.float32).reshape(6, 3))
    return path


def test_features_stay_on_disk_and_a_run_keeps_where_they_lie(folder: Path, tmp_path: Path) -> None:
    data = NodeGraphData(path=str(folder), fanout=[2]).load(seed=0)
    assert data.features_file == folder / "x.npy"
    assert data.graph.x.shape == (6, 3)
    assert data.graph.num_nodes == 6
    assert data.graph.edge_index.shape == (2, 8)
    assert bool((data.labels == -1).all())
    data.save(tmp_path / "kept")
    kept = NodeGraphData.read(tmp_path / "kept")
    assert kept.features_file == data.features_file
    assert kept.fanout == [2]
    assert torch.equal(kept.graph.x, data.graph.x)
    changed = np.load(folder / "x.npy", mmap_mode="r+")
    changed[0, 0] = 99
    changed.flush()
    assert kept.graph.x[0, 0] == 99, "the features were copied"


def test_what_is_gone_or_changed_is_said(folder: Path, tmp_path: Path) -> None:
    NodeGraphData(path=str(folder)).load(seed=0).save(tmp_path / "kept")
    np.save(folder / "x.npy", np.zeros((6, 2), dtype=np.float32))
    with pytest.raises(UserError, match=r"trained on float32 \[6, 3\]"):
        NodeGraphData.read(tmp_path / "kept")
    (folder / "x.npy").unlink()
    with pytest.raises(UserError, match="is gone; put it back"):
        NodeGraphData.read(tmp_path / "kept")


def test_changed_features_are_in_memory_and_checked(folder: Path) -> None:
    data = NodeGraphData(path=str(folder), normalize_features=True).load(seed=0)
    assert data.features_file is None
    np.save(folder / "x.npy", np.full((6, 3), np.nan))  # float64: read, not mapped
    with pytest.raises(UserError, match="give finite numbers"):
        NodeGraphData(path=str(folder)).load(seed=0)


def test_labels_and_masks_are_read_as_from_a_npz(folder: Path) -> None:
    np.save(folder / "y.npy", np.array([0, 1, 0, 1, 0, 1]))
    for part, nodes in (("train", [0, 1]), ("valid", [2, 3]), ("test", [4, 5])):
        np.save(folder / f"{part}_mask.npy", np.isin(np.arange(6), nodes))
    loaded = NodeGraphData(path=str(folder), split=NodeSplitOptions(by="given")).load(seed=0)
    assert loaded.labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert loaded.splits.at(0).train.tolist() == [0, 1]


def test_pickles_and_wrong_heights_are_refused(folder: Path) -> None:
    np.save(folder / "x.npy", np.zeros((4, 3), dtype=np.float32))
    with pytest.raises(UserError, match="an edge names node 4"):
        NodeGraphData(path=str(folder)).load(seed=0)
    np.save(folder / "x.npy", np.array([{}] * 6), allow_pickle=True)
    with pytest.raises(UserError, match=r"not a \.npy of plain numbers"):
        NodeGraphData(path=str(folder)).load(seed=0)
