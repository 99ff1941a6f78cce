"""Formats by name and content."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphcl.core.errors import UserError
from graphcl.data.readers import ReadOptions, open_table
from graphcl.data.readers.detect import detect_format


@pytest.mark.parametrize(
    ("name", "content", "format"),
    [
        ("log.csv", "user,item\n1,2\n", "delimited"),
        ("log.txt", "user item time\n1 2 3\n1 2 3\n", "delimited"),
        ("log", "user;item\n1;2\n", "delimited"),
        ("x.inter", "user_id:token\titem_id:token\n", "atomic"),
        ("x.csv", "user_id:token,item_id:token\n1,2\n", "atomic"),
        ("train.txt", "0 1 2 3\n1 5\n", "adjacency"),
        ("train.txt", "0\t1\t2\t3\n1\t5\n", "adjacency"),
        ("test.txt", "0 1\n1 5\n", "adjacency"),
        ("train.txt", "0 1 2\n", "adjacency"),
        ("train.txt", "1:2 3\n4:5\n6:\n", "sequence"),
        ("data1.txt", "1\t2\t3\n4\t5\t6\n", "triples"),
        ("log.txt", '{"user": 1}\n', "jsonl"),
        ("log.ndjson", "", "jsonl"),
        ("log.pq", "", "parquet"),
        ("log.npz", "", "npz"),
    ],
)
def test_detected(tmp_path: Path, name: str, content: str, format: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    assert detect_format(path, "utf-8") == format


def test_two_readings_must_be_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "train.txt"
    path.write_text("0 1 2\n1 5 7\n")
    with pytest.raises(UserError, match=r"line 1 is `0 1 2`.*data.format=adjacency.*data.format=triples"):
        detect_format(path, "utf-8")


def test_real_files(shared_data: Path) -> None:
    expected = {
        "gowalla/train.txt": "adjacency", "kgat-amazon-book/test.txt": "adjacency", "duvis-ciao/valid.txt": "adjacency",
        "lightgcn-lastfm/data1.txt": "triples", "selfrec-amazon-beauty/test.txt": "sequence",
        "ml-100k/ml-100k.inter": "atomic",
    }  # fmt: skip
    for name, format in expected.items():
        assert detect_format(shared_data / "recsys" / name, "utf-8") == format


def test_opening(tmp_path: Path) -> None:
    (tmp_path / "clicks.csv").write_text("user,item\n1,2\n")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "blank.csv").write_text("\n \n")
    (tmp_path / "a.txt").write_text("0 1 2 3\n1 2\n")
    options = ReadOptions()
    for name, format, message in (
        ("clikcs.csv", "", "no file .*clikcs.csv; nearest: 'clicks.csv'"),
        ("empty.csv", "", "empty.csv is empty"),
        ("blank.csv", "", "blank.csv is empty: it holds only blank lines"),
        (".", "", "is a folder"),
        ("clicks.csv", "delimted", "data.format=delimted is unknown; nearest: 'delimited'"),
    ):
        with pytest.raises(UserError, match=message):
            open_table(tmp_path / name, format, options)
    with pytest.raises(UserError, match=r"data.separator means nothing for .*a.txt, whose format is adjacency"):
        open_table(tmp_path / "a.txt", "", ReadOptions(separator=","))
