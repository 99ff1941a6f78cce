"""SciPy sparse matrices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from graphcl.core.errors import UserError
from graphcl.data.readers import ReadOptions, open_table


def test_stored_values(tmp_path: Path) -> None:
    path = tmp_path / "train.npz"
    matrix = sp.coo_matrix(([1.0, 2.0, 0.0, 3.0], ([0, 2, 2, 2], [1, 0, 2, 0])), shape=(3, 4))
    sp.save_npz(path, matrix)
    table = open_table(path, "", ReadOptions())
    (chunk,) = table.chunks(table.columns)
    assert chunk["user"].to_pylist() == [0, 2]
    assert chunk["item"].to_pylist() == [1, 0]
    assert chunk["weight"].to_pylist() == [1.0, 5.0]
    assert table.notes[-1] == "train.npz: 1 stored zeros are no interactions"


def test_pickles_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "train.npz"
    np.savez(
        path, format=np.array("csr"), data=np.array([{"a": 1}], dtype=object), indices=[0], indptr=[0, 1], shape=[1, 1]
    )
    with pytest.raises(UserError, match=r"cannot be read as a scipy sparse matrix"):
        list(open_table(path, "", ReadOptions()).chunks(["user"]))


@pytest.mark.parametrize("content", [b"PK\x03\x04broken", b"user,item\n"])
def test_foreign_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "train.npz"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"cannot be read as a scipy sparse matrix"):
        list(open_table(path, "", ReadOptions()).chunks(["user"]))
