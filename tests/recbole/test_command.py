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
    (["--model", "LihgtGCL"], "error: no model 'LihgtGCL'; nearest: 'LightGCL'"),
    (["--learning_rte=0.1"], "settings: unknown key 'learning_rte'; nearest: 'learning_rate'"),
    (["--embedding_siz=8"], "settings: unknown key 'embedding_siz'; nearest: 'embedding_size'"),
    (["--temp=__import__('os').getcwd()"], "would be run as Python by RecBole; write the value itself"),
    (["--temp=0"], "temperature"),
    (["--temp=0.1", "--ssl_tau=0.2"], "temp and ssl_tau are one setting here (terms.info_nce.temperature), and differ"),
    (["--nproc", "2"], "nproc"), (["--enable_amp=True"], "enable_amp"), (["temp"], "--KEY=VALUE"),
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
