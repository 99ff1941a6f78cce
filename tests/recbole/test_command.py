"""``python -m graphcl.recbole``: RecBole's flags, and one line about each mistake."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from graphcl.recbole import checkpoints
from graphcl.recbole.__main__ import run


@pytest.fixture
def config(dataset: dict[str, Any], tmp_path: Path) -> str:
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(dataset))
    return str(file)


def test_runs_with_files_and_settings(config: str) -> None:
    assert run(["--model", "LightGCL", "--dataset=tiny", "--config_files", config, "--temp=0.3"]) == 0
    (file,) = Path("saved").glob("LightGCL-*.pth")
    stored = checkpoints.load(file)["config"]
    assert (stored["temp"], stored["embedding_size"], stored["q"]) == (0.3, 16, 5)


@pytest.mark.parametrize(("arguments", "line"), [
    (["--model", "LihgtGCL"], "error: no model 'LihgtGCL'; nearest: 'LightGCL' of graphcl, 'LightGCN' of RecBole"),
    (["--learning_rte=0.1"], "settings: unknown key 'learning_rte'; nearest: 'learning_rate'"),
    (["--embedding_siz=8"], "settings: unknown key 'embedding_siz'; nearest: 'embedding_size'"),
    (["--temp=__import__('os').getcwd()"], "would be run as Python by RecBole; write the value itself"),
    (["--temp=0"], "settings: 'temp' must be a number > 0, got 0"),
    (["--temp=0.1", "--ssl_tau=0.2"], "temp and ssl_tau are one setting here (terms.info_nce.temperature), and differ"),
    (["--temp=0.2", "--ssl_tau=0.5"], "temp and ssl_tau are one setting here"),  # the first is the default
    (["--epochs=0"], "settings: 'epochs' must be a whole number >= 1, got 0"),
    (["--embedding_size=0"], "settings: 'embedding_size' must be a whole number >= 1, got 0"),
    (["--learning_rate=-0.1"], "settings: 'learning_rate' must be a number > 0, got -0.1"),
    (["--stopping_step=-3"], "settings: stopping_step: a whole number >= 0 is what can be followed, got -3"),
    (["--stopping_step=x"], "settings: stopping_step: 'x' is no number"),
    (["--model=DirectAU", "--gamma=x"], "settings: gamma: 'x' is no number"),
    (["--learner=3"], "settings: 'learner' must be one of 'adam', 'adamw', 'sgd', got '3', of 3"),
    (["--model=SimGCL", "--eps=-1"], "settings: 'eps' must be a number >= 0, got -1"),
    (["--clip_grad_norm=5"], "settings: clip_grad_norm: {max_norm: NUMBER} is what can be followed, got 5"),
    (["--model=CL4SRec", "--train_neg_sample_args={'distribution': 'uniform'}"], "draw their own negatives"),
    (["--train_neg_sample_args=None"], "train_neg_sample_args: models of graphcl read a negative"),
    (["--train_batch_size=0"], "settings: train_batch_size: a whole number >= 1, got 0"),
    (["--eval_batch_size=4e7"], "settings: eval_batch_size: a whole number >= 1, got 40000000.0"),
    (["--seed=x"], "settings: seed: a whole number >= 0 and <= 4294967295, got 'x'"),
    (["--valid_metric=MRR@20"], "valid_metric: MRR@20 is not computed; metrics and topk give NDCG@10, Recall@10"),
    (["--metrics=['GAUC']", "--valid_metric=MRR@10"], "MRR@10 is not computed; metrics and topk give GAUC"),
    (["--eval_args={'split': {'RS': [8, 2]}}"], "eval_args: split: RS has three shares"),
    (["--benchmark_filename=tiny"], "benchmark_filename: names three parts, [train, valid, test], got 'tiny'"),
    (["--ITEM_ID_FIELD=product"], "load_col: inter has no 'product', the column of ITEM_ID_FIELD"),
    (["--ITEM_ID_FIELD=product", "--load_col=None"], "tiny.inter: no column 'product', which ITEM_ID_FIELD names"),
    (["--model=CL4SRec", "--load_col={'inter': ['user_id', 'item_id']}"], "no 'timestamp', the column of TIME_FIELD"),
    (["--dataset=nowhere"], "error: RecBole cannot use these settings or data: Neither"),
    (["--metrics=['NDCGG']"], "error: RecBole cannot use these settings or data: There is no metric named 'NDCGG'"),
    (["--lerning_rate=1", "--export", "out"], "settings: unknown key 'lerning_rate'; nearest: 'learning_rate'"),
    (["--nproc", "2"], "nproc"), (["--enable_amp=True"], "enable_amp"),
    (["--model=CL4SRec", "--transform=inverse_itemseq"], "transform: models of graphcl do not follow it"),
    (["temp"], "--KEY=VALUE"),
    (["--temp=1", "--temp=2"], "given twice"), (["--config_files", "nowhere.yaml"], "cannot read nowhere.yaml"),
])  # fmt: skip
def test_mistakes_are_one_line(
    config: str, arguments: list[str], line: str, capfd: pytest.CaptureFixture[str]
) -> None:
    base = ["--model", "LightGCL", "--dataset", "tiny"]
    files = [] if "--config_files" in arguments else ["--config_files", config]
    assert run([*base, *files, *arguments]) == 2
    told = capfd.readouterr().err.strip().splitlines()[-1]
    assert line in told


def test_a_file_with_what_would_be_run_is_refused(config: str, capfd: pytest.CaptureFixture[str]) -> None:
    Path("bad.yaml").write_text("teacher: __import__('pathlib').Path('harmed').touch()\n")
    assert run(["--config_files", f"{config} bad.yaml"]) == 2
    assert "bad.yaml: teacher:" in capfd.readouterr().err
    Path("tag.yaml").write_text("x: !!python/object/apply:os.system ['touch harmed']\n")
    assert run(["--config_files", "tag.yaml"]) == 2
    assert "cannot read tag.yaml" in capfd.readouterr().err
    assert not Path("harmed").exists()


def test_keys_of_recboles_own_models_are_checked_too(config: str, capfd: pytest.CaptureFixture[str]) -> None:
    base = ["--model", "BPR", "--dataset", "tiny", "--config_files", config]
    assert run([*base, "--learning_rte=0.1"]) == 2
    assert "unknown key 'learning_rte'; nearest: 'learning_rate'" in capfd.readouterr().err
    assert run([*base, "--n_layers=3"]) == 0  # of other models


def test_recboles_model_of_a_name_that_we_have_too_is_not_held_to_ours(config: str) -> None:
    base = ["--model", "LightGCN", "--dataset", "tiny", "--config_files", config]
    assert run([*base, "--learner=adagrad", "--stopping_step=-1"]) == 0


@pytest.mark.parametrize("version", ["(3, 11, 9)", "(3, 13, 0)"])
def test_without_recbole_it_is_one_line(tmp_path: Path, version: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, importlib.util\nfind = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: None if name == 'recbole' else find(name, *rest)\n"
        f"class Version(tuple):\n    major, minor = {version}[:2]\n"
        f"sys.version_info = Version({version})\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    done = subprocess.run([sys.executable, "-m", "graphcl.recbole"], env=environment, capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: this needs RecBole: pip install 'graphcl[recbole]'")
    assert ("Python 3.11" in line) == ("13" in version)
