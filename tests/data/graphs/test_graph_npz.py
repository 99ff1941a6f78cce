from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from graphcl.core.errors import UserError
from graphcl.data.graphs.npz import read_npz

GOOD = {
    "x": np.eye(4, 3),
    "edge_index": np.array([[0, 1], [1, 2]]),
    "y": np.array([0, 1, 0, -1]),
}


def saved(folder: Path, **arrays: object) -> Path:
    path = folder / "graph.npz"
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})  # type: ignore[arg-type]
    return path


def test_plain_arrays(tmp_path: Path) -> None:
    graph = read_npz(saved(tmp_path, **GOOD))
    assert graph.num_nodes == 4  # node 3 has no edge
    assert graph.x is not None
    assert graph.x.dtype == torch.float32
    assert graph.edge_index.tolist() == [[0, 1], [1, 2]]
    assert graph.y is not None
    assert graph.y.tolist() == [0, 1, 0, -1]
    assert not graph.masks


def test_csr_layout_of_the_gnn_benchmark(tmp_path: Path) -> None:
    adj = sp.csr_matrix(([1.0, 1.0], ([0, 1], [1, 2])), shape=(4, 4))
    attr = sp.csr_matrix(GOOD["x"])
    arrays = {f"adj_{k}": getattr(adj, k) for k in ("data", "indices", "indptr", "shape")}
    arrays |= {f"attr_{k}": getattr(attr, k) for k in ("data", "indices", "indptr", "shape")}
    graph = read_npz(saved(tmp_path, **arrays, labels=GOOD["y"]))
    plain = read_npz(saved(tmp_path, **GOOD))
    assert graph.num_nodes == 4
    assert torch.equal(graph.x, plain.x)
    assert torch.equal(graph.edge_index, plain.edge_index)
    assert torch.equal(graph.y, plain.y)


def test_masks_of_one_and_of_several_splits(tmp_path: Path) -> None:
    one = np.array([True, False, False, False])
    graph = read_npz(saved(tmp_path, **GOOD, train_mask=one, val_mask=np.roll(one, 1), test_mask=np.roll(one, 2)))
    assert {part: mask.shape for part, mask in graph.masks.items()} == dict.fromkeys(("train", "valid", "test"), (4, 1))
    many = np.stack([one, one], axis=1)
    graph = read_npz(saved(tmp_path, **GOOD, train_mask=many, valid_mask=many, test_mask=many))
    assert graph.masks["valid"].shape == (4, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"edge_index": None}, "no 'edge_index'"),
        ({"edge_index": None, "edge_indx": GOOD["edge_index"]}, "nearest: 'edge_indx'"),
        ({"edge_index": np.zeros((3, 2), dtype=int)}, r"edge_index is int64 \[3, 2\]"),
        ({"edge_index": np.zeros((2, 2))}, "edge_index is float64"),
        ({"y": np.zeros((4, 2), dtype=int)}, "one integer a node"),
        ({"y": np.array([0.0, 1.0, np.nan, 0.0])}, "labels are float64"),
        ({"y": np.array(["a", "b", "a", "b"])}, "labels are <U1"),
        ({"x": np.zeros(4)}, r"features have shape \[4\]"),
        ({"train_mask": np.ones(4, dtype=bool)}, "masks for train only"),
        ({f"{part}_mask": np.ones(4) for part in ("train", "valid", "test")}, "train_mask is float64"),
        ({"x": np.array([{}] * 4, dtype=object)}, "holds Python objects, and nothing is unpickled"),
    ],
)
def test_bad_arrays_are_named(tmp_path: Path, changes: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_npz(saved(tmp_path, **{**GOOD, **changes}))


def test_not_a_npz(tmp_path: Path) -> None:
    path = tmp_path / "graph.npz"
    path.write_bytes(b"not a zip")
    with pytest.raises(UserError, match=r"not a \.npz of plain arrays"):
        read_npz(path)
