"""``graphcl train --from-recbole``."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphcl.core.files import read_json
from tests.cli.conftest import Command


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dataset" / "clicks").mkdir(parents=True)
    rows = "".join(f"u{user}\ti{(user + step) % 12}\n" for user in range(12) for step in range(6))
    (tmp_path / "dataset" / "clicks" / "clicks.inter").write_text("user_id:token\titem_id:token\n" + rows)
    file = tmp_path / "config.yaml"
    file.write_text("model: LightGCL\ndataset: clicks\nembedding_size: 8\nepochs: 2\ntopk: [3]\nvalid_metric: MRR@3\n"
                    "mess_dropout: 0.1\nuse_gpu: false\n")  # fmt: skip
    return file


def test_trains_what_the_file_says(graphcl: Command, config: Path) -> None:
    done = graphcl("train", "--from-recbole", config, "train.epochs=1", "--out", "run")
    assert done.code == 0, done.err
    assert "recipe lightgcl; data.path=dataset/clicks/clicks.inter" in done.err
    assert "not honoured: mess_dropout: lightgcl has nothing of the kind" in done.err
    protocol = read_json(Path("run/protocol.json"))
    assert (protocol["monitor"], protocol["epochs"], protocol["k"]) == ("mrr@3", 1, [3])


def test_another_recipe_takes_the_files_other_keys(graphcl: Command, config: Path) -> None:
    done = graphcl("train", "bpr_mf", "--from-recbole", config, "--out", "run")
    assert done.code == 0, done.err
    assert read_json(Path("run/run.json"))["recipe"] == "bpr_mf"


def test_a_key_of_another_meaning_is_refused(graphcl: Command, config: Path) -> None:
    config.write_text(config.read_text() + "eval_args: {mode: labeled}\n")
    done = graphcl("train", "--from-recbole", config)
    assert done.code == 2
    assert done.error == f"{config}: eval_args: mode: labeled: full, uniN or popN is what can be followed"
