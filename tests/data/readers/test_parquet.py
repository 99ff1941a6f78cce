"""Parquet."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from graphcl.core.errors import UserError
from graphcl.data.readers import ReadOptions, open_table


def test_columns_and_types(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table({"user": ["007", "ä"], "item": [1, 2], "x": [None, 0.5]}), path)
    table = open_table(path, "", ReadOptions())
    assert table.columns == ["user", "item", "x"]
    (chunk,) = table.chunks(["item", "user"])
    assert chunk["user"].to_pylist() == ["007", "ä"]
    assert chunk["item"].type == pa.int64()
    assert table.where(1) == "row 2"


def test_not_parquet(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    path.write_bytes(b"user,item\n1,2\n")
    with pytest.raises(UserError, match=r"cannot be read as Parquet"):
        open_table(path, "", ReadOptions())


def test_truncated(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table({"user": [str(i) for i in range(10000)]}), path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"cannot be read as Parquet"):
        open_table(path, "", ReadOptions())
