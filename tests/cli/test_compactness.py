from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from graphcl.cli import main

from .conftest import Command

SMALL = ["encoder.dim=8", "train.epochs=4", "train.eval_every=2", "eval.baselines=[majority_class]", "train.threads=1"]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on the karate club, with the regularizer, for reading only."""
    folder = tmp_path_factory.mktemp("runs") / "nodes"
    pot = "+regularizers={pot: {budget: {by: fraction, amount: 0.2}}}"
    assert main.run(["train", "grace", *SMALL, pot, "--out", str(folder), "--quiet"]) == 0
    return folder


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without it, and with batch normalisation."""
    folder = tmp_path_factory.mktemp("runs") / "without"
    assert main.run(["train", "grace", *SMALL, "encoder.batch_norm=true", "--out", str(folder), "--quiet"]) == 0
    return folder


def test_a_table_by_node_and_a_picture(graphcl: Command, nodes: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install 'graphcl[report]'")
    done = graphcl("compactness", nodes, "--out", tmp_path / "c.parquet", "--json")
    assert done.code == 0, done.err
    table = pq.read_table(tmp_path / "c.parquet")
    assert table.num_rows == 2 * 34
    columns = {name: table[name].to_numpy() for name in table.column_names}
    assert set(columns["view"]) == {"a", "b"}
    assert columns["id"][:34].tolist() == columns["id"][34:].tolist()
    assert (columns["budget"] == np.ceil(0.2 * columns["degree"] - 1e-9)).all()
    for stage in ("before", "after"):
        assert not (columns[f"certified_{stage}"] & (columns[f"bound_{stage}"] <= 0)).any()
    assert not np.allclose(columns["bound_before"], columns["bound_after"])
    about = json.loads(table.schema.metadata[b"compactness"])
    assert "at most 0.2 of each node's edges" in about["deletions"]["a"]
    summary = json.loads(done.out)["summary"]
    assert [(row["view"], row["training"]) for row in summary] == [
        ("a", "before"), ("a", "after"), ("b", "before"), ("b", "after")
    ]  # fmt: skip
    assert summary[1]["certified"] == pytest.approx(columns["certified_after"][:34].mean())
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")


def test_a_smaller_budget_gives_higher_bounds_and_none_gives_the_value_itself(
    graphcl: Command, nodes: Path, tmp_path: Path
) -> None:
    found = {}
    for budget in ("0", "20%", "any"):
        path = tmp_path / f"{budget}.parquet"
        done = graphcl("compactness", nodes, "--out", path, "--budget", budget, "--inner", "row", "--quiet")
        assert done.code == 0, done.err
        found[budget] = pq.read_table(path)["bound_after"].to_numpy()
    assert (found["0"] >= found["20%"] - 1e-6).all()
    assert (found["20%"] >= found["any"] - 1e-6).all()
    assert (found["0"] > found["any"] + 1e-4).any()


def test_a_run_that_is_not_there_is_what_is_said(graphcl: Command, tmp_path: Path) -> None:
    done = graphcl("compactness", tmp_path / "none")
    assert done.code == 2
    assert f"{tmp_path / 'none'} is not a run" in done.err


def test_the_surrogate_is_labelled(graphcl: Command, nodes: Path, tmp_path: Path) -> None:
    done = graphcl("compactness", nodes, "--mode", "reference", "--out", tmp_path / "c.csv")
    assert done.code == 0, done.err
    header = (tmp_path / "c.csv").read_text().splitlines()[0]
    assert "surrogate_after" in header
    assert "bound" not in header
    assert "not a bound" in done.out
    assert "not a bound" in graphcl("compactness", "--help").out


def test_a_run_without_the_regularizer_and_with_frozen_batch_norm(
    graphcl: Command, without: Path, tmp_path: Path
) -> None:
    """Trained with batch statistics, embedded with running ones: what is bounded is what leaves the run."""
    done = graphcl("compactness", without, "--out", tmp_path / "c.parquet", "--json")
    assert done.code == 0, done.err
    assert "rate 0.2" in json.loads(done.out)["about"]["deletions"]["a"]


def test_the_certified_share_is_in_the_log(nodes: Path) -> None:
    lines = [json.loads(line) for line in (nodes / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines if "pot/certified" in line["valid"]] == [2, 4]
    assert "valid/pot/certified" in json.loads((nodes / "metrics.json").read_text())
    said = json.loads((nodes / "protocol.json").read_text())["terms"]["pot"]
    assert said["mode"] == "sound"


def test_it_does_not_replace_what_is_there(graphcl: Command, nodes: Path, tmp_path: Path) -> None:
    (tmp_path / "c.parquet").write_text("mine")
    done = graphcl("compactness", nodes, "--out", tmp_path / "c.parquet")
    assert (done.code, done.error.split("; ")[1]) == (2, "replace it with --overwrite")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--budget", "1.5"], "budget.amount=1.5 is no fraction"),
        (["--budget", "few"], "budget 'few': give any"),
        (["--mode", "exact"], "--mode: 'exact'; known: sound, reference"),
        (["--inner", "best"], "--inner: 'best'; known: row, interval"),
        (["--picture", "c.gif"], "known: .png, .svg, .pdf"),
    ],
)
def test_mistakes_are_one_line(
    graphcl: Command, nodes: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = graphcl("compactness", nodes, "--out", tmp_path / "c.parquet", *arguments)
    assert done.code == 2
    assert message in done.error


def test_a_run_that_cannot_be_bounded(graphcl: Command, finished: Path, tmp_path: Path) -> None:
    done = graphcl("compactness", finished, "--out", tmp_path / "c.parquet")
    assert done.code == 2
    assert "compactness compares two" in done.error
