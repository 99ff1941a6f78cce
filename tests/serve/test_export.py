from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from graphcl.core.errors import UserError
from graphcl.data.interactions import Ids
from graphcl.serve.embeddings import write_embeddings
from graphcl.serve.export import require_output, writing

SCHEMA = pa.schema([("id", pa.string()), ("n", pa.int32()), ("x", pa.float32())])
HOSTILE = ['a,"b"', "tab\there", "=1+1", "naïve\nline", ""]


def read(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    if path.suffix == ".jsonl":
        return pd.DataFrame([json.loads(line) for line in path.read_text().splitlines()], columns=["id", "n", "x"])
    return pd.read_csv(path, sep="\t" if path.suffix == ".tsv" else ",", keep_default_na=False, dtype={"id": str})


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".tsv", ".jsonl"])
def test_blocks_come_back_as_one_table(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out{ending}"
    with writing(path, SCHEMA) as write:
        for number in (1, 2):
            write(pa.table({"id": HOSTILE, "n": [number] * 5, "x": [0.5] * 5}, schema=SCHEMA))
    found = read(path)
    assert found["id"].tolist() == HOSTILE * 2
    assert found["n"].tolist() == [1] * 5 + [2] * 5
    assert found["x"].tolist() == [0.5] * 10


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".jsonl"])
def test_no_rows_is_a_file_without_rows(tmp_path: Path, ending: str) -> None:
    with writing(tmp_path / f"out{ending}", SCHEMA):
        pass
    assert len(read(tmp_path / f"out{ending}")) == 0


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("before")

    def fail_halfway() -> None:
        with writing(path, SCHEMA) as write:
            write(pa.table({"id": ["a"], "n": [1], "x": [1.0]}, schema=SCHEMA))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["out.csv"]


def test_the_file_is_as_readable_as_any_other(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    with writing(tmp_path / "out.csv", SCHEMA):
        pass
    assert (tmp_path / "out.csv").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_what_cannot_be_written_is_refused_first(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"known: \.parquet, \.csv, \.tsv, \.jsonl"):
        require_output(tmp_path / "out.xlsx", overwrite=False)
    (tmp_path / "out.csv").touch()
    with pytest.raises(UserError, match="exists; replace it with --overwrite"):
        require_output(tmp_path / "out.csv", overwrite=False)
    require_output(tmp_path / "out.csv", overwrite=True)


class Data:
    users = Ids.of(["u1", "u2"])
    items = Ids.of(["i1", "i2", "i3"])


EMBEDDINGS = {"user": torch.arange(4.0).view(2, 2), "item": torch.arange(6.0).view(3, 2)}


def test_embeddings_as_parquet(tmp_path: Path) -> None:
    write_embeddings(tmp_path / "e.parquet", EMBEDDINGS, Data)
    found = pd.read_parquet(tmp_path / "e.parquet")
    assert found["type"].tolist() == ["user"] * 2 + ["item"] * 3
    assert found["id"].tolist() == ["u1", "u2", "i1", "i2", "i3"]
    assert np.stack(found["vector"]).tolist() == [[0, 1], [2, 3], [0, 1], [2, 3], [4, 5]]


def test_embeddings_as_csv(tmp_path: Path) -> None:
    write_embeddings(tmp_path / "e.csv", EMBEDDINGS, Data)
    found = pd.read_csv(tmp_path / "e.csv")
    assert found.columns.tolist() == ["type", "id", "d0", "d1"]
    assert found.loc[4].tolist() == ["item", "i3", 4.0, 5.0]


def test_embeddings_as_npz_need_no_pickle(tmp_path: Path) -> None:
    write_embeddings(tmp_path / "e.npz", EMBEDDINGS, Data)
    with np.load(tmp_path / "e.npz", allow_pickle=False) as found:
        assert found["item_ids"].tolist() == ["i1", "i2", "i3"]
        assert found["user"].tolist() == [[0, 1], [2, 3]]


def test_nodes_without_ids_are_numbered(tmp_path: Path) -> None:
    write_embeddings(tmp_path / "e.csv", {"": torch.zeros(2, 1)}, object())
    assert pd.read_csv(tmp_path / "e.csv").values.tolist() == [["node", 0, 0.0], ["node", 1, 0.0]]
