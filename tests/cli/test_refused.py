"""Refusals: one line on stderr, exit code 2, nothing half-written."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from graphcl.cli import main
from tests.cli.conftest import Command, train

REFUSED = [
    (["train", "lightgcm"], r"error: unknown recipe 'lightgcm'; nearest: 'lightgcn'; .*"),
    (["train", "mine.yaml"], r"error: recipe file mine.yaml does not exist"),
    (
        ["train", "lightgcn", "train.batchsize=4"],
        r"command line: unknown key 'train.batchsize'; nearest: 'train.batch_size'",
    ),
    (["train", "lightgcn", "train.epochs=many"], r"command line: 'train.epochs' must be a whole number.*got 'many'"),
    (["train", "lightgcn", "train.lr=.nan"], r"command line: 'train.lr' must be a finite number, got nan"),
    (["train", "lightgcn", "train.lr=.inf"], r"command line: 'train.lr' must be a finite number, got inf"),
    (["train", "lightgcn", "train.lr=-1"], r"command line: 'train.lr' must be a number > 0, got -1"),
    (["train", "lightgcn", "train.lr"], r"command line: 'train.lr' is not of the form key=value"),
    (["train", "lightgcn", "~terms=bprr"], r"command line: 'terms' has no part 'bprr' to remove; nearest: 'bpr'"),
    (
        ["train", "grace", "heads.half=mlp"],
        r"command line: 'heads.half': the name 'half' is taken by torch's modules; call it otherwise, half_head say",
    ),
    (["train", "lightgcn", "data.path=nowhere.csv"], r"error: data.path=nowhere.csv does not exist"),
    (["check", "lightgcn", "data.path=nowhere.csv"], r"command line: 'data.path': nowhere.csv does not exist"),
    (
        ["train", "gaugllm", "views.b.augment.prompt_experts.views=said"],
        r"command line: 'views.b.augment.prompt_experts.views': said does not exist",
    ),
    (["resume", "nowhere"], r"error: nowhere is not a run .*"),
    (["evaluate", "nowhere"], r"error: nowhere is not a run .*"),
    (["recommend", "nowhere", "--user", "1"], r"error: nowhere is not a run .*"),
    (["embed", "nowhere", "--out", "e.parquet"], r"error: nowhere is not a run .*"),
]


@pytest.mark.parametrize(("arguments", "line"), REFUSED, ids=[" ".join(arguments) for arguments, _ in REFUSED])
def test_refused(
    graphcl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = graphcl(*arguments, "--quiet")
    assert outcome.code == 2
    assert outcome.out == ""
    assert re.fullmatch(line + "\n", outcome.err), outcome.err
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_all_problems_at_once(graphcl: Command) -> None:
    outcome = graphcl("train", "lightgcn", "train.epochs=0", "train.nope=1", "views.main.off=x", "--quiet")
    assert outcome.code == 2
    assert outcome.err.count("\n") == 3


HOSTILE = """\
title: __import__('os').system('touch pwned')
task: recommend
data: {name: generated, items: "__import__('os').getpid()"}
encoder: {lightgcn: {dim: 4}}
views: {main: []}
terms:
  - bpr: {user: "main.nodes[user][users]", pos: "main.nodes[item][items_pos]", neg: "main.nodes[item][items_neg]"}
"""


def test_a_hostile_string_stays_a_string(graphcl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(HOSTILE)
    rows = {row["path"]: row["value"] for row in json.loads(graphcl("show", "mine.yaml", "--json").out)["settings"]}
    assert rows["data.items"] == "__import__('os').getpid()"
    assert not Path("pwned").exists()


@pytest.mark.parametrize(
    "value", ["!!python/object/apply:os.system ['touch pwned']", "!!python/name:os.system", "*anchor"]
)
def test_a_tag_that_would_build_an_object_is_refused(
    graphcl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(f"task: recommend\ntitle: {value}\n")
    outcome = graphcl("check", "mine.yaml")
    assert outcome.code == 2
    assert outcome.err.startswith("error: mine.yaml:2: ")
    assert outcome.err.count("\n") == 1
    assert not Path("pwned").exists()


def test_a_strangers_plugin_is_not_run(graphcl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("stranger_code.py").write_text("open('pwned', 'w')\n")
    Path("mine.yaml").write_text("plugins: [stranger_code]\ntask: recommend\n")
    for command in (["check", "mine.yaml"], ["train", "mine.yaml"], ["show", "mine.yaml"]):
        outcome = graphcl(*command)
        assert outcome.code == 2
        assert "would run code of the module 'stranger_code'" in outcome.err
        assert "--allow-plugins" in outcome.err
        assert not Path("pwned").exists()
    graphcl("check", "mine.yaml", "--allow-plugins")
    assert Path("pwned").exists()


def test_an_existing_run_is_kept_unless_told(graphcl: Command, tmp_path: Path, data: list[str]) -> None:
    folder = tmp_path / "run"
    assert graphcl(*train(data), "--out", folder, "--quiet").code == 0
    before = (folder / "environment.json").stat().st_mtime_ns
    outcome = graphcl(*train(data), "--out", folder, "--quiet")
    assert outcome.code == 2
    assert outcome.err == (
        f"error: {folder} exists; go on with it by 'graphcl resume {folder}', or replace it with --overwrite\n"
    )
    assert (folder / "environment.json").stat().st_mtime_ns == before
    assert graphcl(*train(data), "--out", folder, "--overwrite", "--quiet").code == 0
    assert (folder / "environment.json").stat().st_mtime_ns > before


def test_overwrite_does_not_replace_what_is_no_run(graphcl: Command, tmp_path: Path, data: list[str]) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    outcome = graphcl(*train(data), "--out", tmp_path, "--overwrite", "--quiet")
    assert outcome.code == 2
    assert "exists and is not a run's folder; give another --out" in outcome.err
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_an_output_that_cannot_be_written(graphcl: Command, tmp_path: Path, data: list[str]) -> None:
    (tmp_path / "file").touch()
    outcome = graphcl(*train(data), "--out", tmp_path / "file" / "run", "--quiet")
    assert outcome.code == 2
    assert re.fullmatch(r"error: cannot create the run's folder .*run: .+\n", outcome.err), outcome.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_without_permission(graphcl: Command, tmp_path: Path, data: list[str]) -> None:
    tmp_path.chmod(0o500)
    outcome = graphcl(*train(data), "--out", tmp_path / "run", "--quiet")
    assert outcome.code == 2
    assert "Permission denied" in outcome.err


LOGS = {
    "empty": (b"", "is empty"),
    "only_a_header": (b"user,item\n", "has no rows"),
    "missing_column": (b"customr,product\n1,2\n3,4\n", "no column 'customer'; nearest: 'customr'"),
    "one_user": (b"customer,product\n1,2\n1,3\n1,4\n", "too few"),
    "nan_ids": (b"customer,product\n1,2\n,3\n2,4\n", "1 row with no user id"),
    "not_utf8": (b"customer,product\n\xff\xfe,2\n3,4\n", "UTF-8|utf-8"),
}


@pytest.mark.parametrize("name", LOGS)
def test_a_log_that_cannot_be_used_leaves_no_run(graphcl: Command, tmp_path: Path, name: str) -> None:
    content, says = LOGS[name]
    path = tmp_path / f"{name}.csv"
    path.write_bytes(content)
    columns = [] if name in ("empty", "only_a_header") else ["data.user=customer", "data.item=product"]
    outcome = graphcl("train", "lightgcn", f"data.path={path}", *columns, "--out", tmp_path / "run", "--quiet")
    assert outcome.code == 2
    assert outcome.err.startswith(f"error: {path}")
    assert re.search(says, outcome.err), outcome.err
    assert outcome.err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_the_wrong_separator_is_named(graphcl: Command, tmp_path: Path, data: list[str]) -> None:
    outcome = graphcl(*train(data), "data.separator=tab", "--out", tmp_path / "run", "--quiet")
    assert outcome.code == 2
    assert "comma" in outcome.err
    assert "customer,product,ts" in outcome.err


def test_a_filter_that_leaves_nothing_is_named(graphcl: Command, tmp_path: Path, data: list[str]) -> None:
    outcome = graphcl(*train(data), "data.k_core=99", "--out", tmp_path / "run", "--quiet")
    assert outcome.code == 2
    assert "k_core=99" in outcome.err


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes")])
def test_memory_that_does_not_suffice_is_said_in_one_line(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def app(**_: object) -> None:
        raise error

    monkeypatch.setattr(main, "app", app)
    assert main.run(["train", "grace"]) == 2
    assert re.fullmatch(r"error: not enough memory for these sizes; lower .*\n", capsys.readouterr().err)


def test_other_errors_of_the_library_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def app(**_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(main, "app", app)
    with pytest.raises(RuntimeError, match="a bug"):
        main.run(["train", "grace"])
