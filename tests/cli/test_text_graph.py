"""Graphs of texts from the command line: the library of Python, and a folder of the user's own."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from graphcl.cli.main import run
from graphcl.data.graphs.node_graph import NodeGraphData

SMALL = ["encoder.dim=4", "train.epochs=2", "train.threads=1", "train.eval_every=2", "eval.baselines=[]"]


def write(folder: Path, texts: list[str]) -> Path:
    folder.mkdir()
    rows = [{"id": f"n{i}", "text": text, "label": "ab"[i % 2]} for i, text in enumerate(texts)]
    pd.DataFrame(rows).to_csv(folder / "nodes.csv", index=False)
    edges = [{"source": f"n{i}", "target": f"n{(i + 2) % len(texts)}"} for i in range(len(texts))]
    pd.DataFrame(edges).to_csv(folder / "edges.csv", index=False)
    return folder


def test_the_library_of_python_trains_offline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "grace", "data=python-stdlib", *SMALL, "--out", str(tmp_path / "run")]) == 0
    assert "accuracy" in capsys.readouterr().out


@pytest.mark.parametrize("more", [[], ["data.fanout=[2,2]", "train.batch_size=8"],
                                  ["data.text.encoder=bag_of_words", "data.text.min_df=1"]])
def test_texts_train_and_new_texts_are_embedded(tmp_path: Path, more: list[str]) -> None:
    topics = ["kernel machines, \"margins\"\nand more", "genetic search 图 🙂"]
    old = write(tmp_path / "old", [f"{topics[i % 2]} number {i % 5}" for i in range(30)])
    new = write(tmp_path / "new", ["kernel machines", "genetic search", "", "words never seen"])
    out = tmp_path / "run"
    settings = [f"data.path={old}", "data.text.max_df=1.0", "data.split.ratios=[0.4,0.2,0.4]"]
    assert run(["train", "grace", *settings, *SMALL, *more, "--out", str(out)]) == 0
    assert len(NodeGraphData.read(out / "data").graph.text) == 30
    assert run(["embed", str(out), "--data", str(new), "--out", str(tmp_path / "new.parquet")]) == 0
    table = pd.read_parquet(tmp_path / "new.parquet")
    assert table["id"].tolist() == ["n0", "n1", "n2", "n3"]


def test_texts_that_may_not_be_passed_on_are_said_to_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("GRAPHCL_DATA", raising=False)
    monkeypatch.setenv("GRAPHCL_CACHE", str(tmp_path))
    assert run(["train", "grace", "data=cora-tag"]) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1
    assert "cora-tag cannot be downloaded: make nodes.jsonl.gz, edges.csv from https://github.com/" in error[0]
