"""graphcl train: what it says and what it leaves."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.cli.conftest import SMALL, Command, spawn, train


def test_a_run_from_one_command_in_an_empty_folder(tmp_path: Path, data: list[str]) -> None:
    outcome = spawn(*train(data), cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    assert [line.split()[:3] for line in outcome.out.splitlines()[2:3]] == [["metric", "lightgcn", "popularity"]]
    for metric in ("recall@10", "ndcg@20", "mrr@40", "hit@10", "precision@10", "map@10", "coverage@10"):
        assert f" {metric} " in outcome.out
    (folder,) = (tmp_path / "runs").iterdir()
    assert re.fullmatch(r"lightgcn-clicks-\d{8}-\d{6}", folder.name)
    assert f"run runs/{folder.name}" in outcome.out
    assert "best epoch 1 of 1" in outcome.out
    for said in (
        "recipe lightgcn: configs/lightgcn.yaml, configs/bpr_mf.yaml",
        "comma-separated (sniffed)",
        "60 users, 40 items",
        "split random",
        "training: at most 1 epoch of ",
        "epoch 1/1  bpr ",
    ):
        assert said in outcome.err
    assert outcome.err.count("sniffed") == 2  # the format and the separator, in one line


def test_json_is_all_of_stdout_and_quiet_all_of_stderr(graphcl: Command, tmp_path: Path, data: list[str]) -> None:
    outcome = graphcl(*train(data), "--out", tmp_path / "run", "--json", "--quiet")
    assert (outcome.code, outcome.err) == (0, "")
    found = json.loads(outcome.out)
    assert found["metrics"] == json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert found["parameters"] == (60 + 40) * 8
    assert found["best_epoch"] == 1


def test_settings_on_the_command_line_reach_the_run(graphcl: Command, tmp_path: Path, data: list[str]) -> None:
    laid_over = tmp_path / "mine.yaml"
    laid_over.write_text("train: {lr: 0.25, seed: 5}\n")
    outcome = graphcl(*train(data), "--config", laid_over, "train.lr=0.125", "~regularizers=l2", "+terms=uniformity",
                      "terms.uniformity.x=main.nodes[user][users]", "--out", tmp_path / "run")  # fmt: skip
    assert outcome.code == 0, outcome.err
    written = (tmp_path / "run" / "config.yaml").read_text()
    for setting in ("lr: 0.125", "seed: 5", "- uniformity:"):
        assert setting in written
    assert "- l2" not in written


def test_the_weekly_retraining_takes_up_the_last_run(
    graphcl: Command, tmp_path: Path, log: Path, finished: Path
) -> None:
    """New users and items come after the old ones, whose embeddings training starts from."""
    newer = tmp_path / "newer.csv"
    extra = "".join(f"new{u},p{i},9999\n" for u in range(3) for i in range(u, 40, 3)) + "c0,pnew,9999\nc1,pnew,9999\n"
    newer.write_text(log.read_text() + extra)
    data = [f"data.path={newer}", "data.user=customer", "data.item=product"]
    outcome = graphcl(*train(data), "train.lr=1e-9", f"train.init_from={finished}", "--out", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    assert f"from {finished}" in outcome.err
    old, new = (load_file(run / "checkpoints" / "best.safetensors") for run in (finished, tmp_path / "run"))
    tables = [name for name in old if name.startswith("model/towers.main")]
    assert tables
    for name in tables:
        torch.testing.assert_close(new[name][: len(old[name])], old[name])
        assert len(new[name]) > len(old[name])
    assert graphcl("recommend", tmp_path / "run", "--user", "new1", "c1", "-k", 3).code == 0


@pytest.mark.skipif(find_spec("recbole") is None, reason="ml-100k ships inside the package recbole")
def test_the_offline_default_is_said(graphcl: Command, tmp_path: Path) -> None:
    outcome = graphcl("train", "lightgcn", *SMALL, "train.epochs=1", "train.batch_size=0", "eval.baselines=[]", "--out",
                      tmp_path / "run")  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert "data ml-100k, the offline default; data.path=FILE takes your own" in outcome.err


def test_two_runs_in_one_second_have_two_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    from graphcl.cli.train import default_folder
    from graphcl.core.config.recipe import load_recipe

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "strftime", lambda pattern: "20260101-000000")
    recipe = load_recipe("lightgcn", ["data.path=../my logs/click stream.v2.csv"])
    names = []
    for _ in range(3):
        folder = default_folder(recipe)
        folder.mkdir(parents=True)
        names.append(folder.name)
    first = "lightgcn-click-stream.v2-20260101-000000"
    assert names == [first, f"{first}.2", f"{first}.3"]


def test_duplicates_are_counted_and_k_above_the_catalogue_is_said(graphcl: Command, tmp_path: Path, log: Path) -> None:
    lines = log.read_text().splitlines()
    double = tmp_path / "double.csv"
    double.write_text("\n".join([lines[0], *lines[1:], *lines[1:]]) + "\n")
    outcome = graphcl(*train([f"data.path={double}", "data.user=customer", "data.item=product"]), "eval.k=[20,1000]",
                      "--out", tmp_path / "run")  # fmt: skip
    assert outcome.code == 0, outcome.err
    rows = len(lines) - 1
    assert f"repeats=last: {2 * rows:,} rows, 60 users, 40 items -> {rows:,} rows, 60 users, 40 items" in outcome.err
    assert "k=1000 is more than the 40 items" in outcome.err
