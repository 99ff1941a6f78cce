from __future__ import annotations

import pickle
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from graphcl.core.errors import UserError
from graphcl.data.graphs.unpickle import read_arrays


def dumped(path: Path, value: object, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    return path


@pytest.mark.parametrize("protocol", [3, 4])
def test_arrays_matrices_and_tables_come_back(tmp_path: Path, protocol: int) -> None:
    array = np.arange(6, dtype=np.int32).reshape(2, 3)
    assert np.array_equal(read_arrays(dumped(tmp_path / "a", array, protocol)), array)
    matrix = sp.csr_matrix(np.eye(3, dtype=np.float32))
    back = read_arrays(dumped(tmp_path / "m", matrix, protocol))
    assert sp.issparse(back)
    assert (back != matrix).nnz == 0
    table = defaultdict(list, {0: [1, 2], 1: [0]})
    assert read_arrays(dumped(tmp_path / "t", table, protocol)) == {0: [1, 2], 1: [0]}


class Attack:
    """Runs a command when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple:
        import os

        return os.mkdir, (str(self.marker),)


def test_a_hostile_pickle_is_refused_and_does_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    path = dumped(tmp_path / "ind.cora.x", Attack(marker))
    with pytest.raises(UserError, match=r"refused.*mkdir"):
        read_arrays(path)
    assert not marker.exists()
    pickle.loads(path.read_bytes())  # the file is a working attack
    assert marker.exists()


@pytest.mark.parametrize(
    "program",
    [
        b"cbuiltins\neval\n(S'1+1'\ntR.",
        b"cbuiltins\ngetattr\n(cnumpy\nndarray\nS'dump'\ntR.",
        b"cnumpy\nload\n(S'x'\ntR.",
        b"\x80\x04\x8c\x05numpy\x8c\x0bndarray.dump\x93.",  # a dotted name reaches past what is admitted
        b"ccopyreg\n_reconstructor\n.",
        b"P1\n.",  # persistent id
    ],
)
def test_nothing_else_can_be_named(tmp_path: Path, program: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(program)
    with pytest.raises(UserError, match="refused"):
        read_arrays(path)


def test_object_arrays_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="object is not allowed"):
        read_arrays(dumped(tmp_path / "a", np.array([1, "x"], dtype=object)))


def test_a_damaged_file_is_one_clear_line(tmp_path: Path) -> None:
    path = dumped(tmp_path / "a", np.arange(100))
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(UserError, match="not a plain pickle") as info:
        read_arrays(path)
    assert "\n" not in str(info.value)
    with pytest.raises(UserError, match="cannot be read"):
        read_arrays(tmp_path / "absent")
