"""list, show, check, doctor, --version, and how a mistyped command line is answered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import graphcl as package
from tests.cli.conftest import Command


def test_version(graphcl: Command) -> None:
    assert graphcl("--version").out == f"graphcl {package.__version__}\n"


def test_no_command_is_help(graphcl: Command) -> None:
    outcome = graphcl()
    assert outcome.code == 0
    assert "recommend" in outcome.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["trian"], "No such command 'trian'"),
        (["train"], "Missing argument 'RECIPE'"),
        (["train", "lightgcl", "--ou", "x"], "--out"),
        (["recommend", "run", "--user", "1", "-k", "0"], "-k"),
        (["recommend", "run", "--user", "1", "-k", "many"], "-k"),
    ],
)
def test_a_mistyped_command_line_is_one_line(graphcl: Command, arguments: list[str], says: str) -> None:
    outcome = graphcl(*arguments)
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.startswith("error: ")
    assert outcome.err.count("\n") == 1
    assert says in outcome.err


def test_list_without_argument_names_every_list(graphcl: Command) -> None:
    found = {entry["list"]: entry["names"] for entry in json.loads(graphcl("list", "--json").out)}
    assert "lightgcl" in found["recipes"]
    assert "ml-100k" in found["data"]
    assert "drop_edges" in found["augmenters"]
    for what, names in found.items():
        outcome = graphcl("list", what)
        assert outcome.code == 0
        assert all(name in outcome.out for name in names)


def test_list_takes_the_singular_and_corrects_a_slip(graphcl: Command) -> None:
    assert graphcl("list", "term").out == graphcl("list", "terms").out
    assert graphcl("list", "augmentrs").err == "error: nothing is listed under 'augmentrs'; nearest: 'augmenters'\n"


def test_listed_options_have_text_and_defaults(graphcl: Command) -> None:
    found = {part["name"]: part for part in json.loads(graphcl("list", "augmenters", "--json").out)}
    option = found["drop_edges"]["options"]["p"]
    assert option["doc"]
    assert option["required"] is False


def test_show_draws_the_flow_in_order(graphcl: Command) -> None:
    flow = graphcl("show", "lightgcl").out
    order = ["data: ml-100k", "graph:", "views", "svd: low_rank(rank=", "towers: main", "terms", "bpr x 1",
             "info_nce x ", "step: adam", "embed:"]  # fmt: skip
    places = [flow.index(word) for word in order]
    assert places == sorted(places)
    assert "anchors: svd.nodes[*][batch]" in flow
    assert "ICLR 2023" in flow


def test_show_says_where_values_come_from(graphcl: Command) -> None:
    found = json.loads(graphcl("show", "lightgcl", "train.lr=0.5", "--json").out)
    rows = {row["path"]: row for row in found["settings"]}
    assert rows["train.lr"]["value"] == 0.5
    assert rows["train.lr"]["origin"] == "command line"
    assert rows["encoder.dim"]["origin"].startswith("configs/lightgcl.yaml:")
    assert rows["encoder.dim"]["source"]
    assert rows["train.seed"]["origin"] == "default"
    assert rows["data.split.by"]["doc"]
    assert found["parameters"] is None


def test_a_reason_is_not_given_for_somebody_elses_value(graphcl: Command) -> None:
    rows = {
        row["path"]: row for row in json.loads(graphcl("show", "lightgcl", "encoder.dim=5", "--json").out)["settings"]
    }
    assert rows["encoder.dim"]["source"] == ""


def test_show_of_a_run_counts_its_parameters(graphcl: Command, finished: Path) -> None:
    found = json.loads(graphcl("show", finished, "--json").out)
    assert found["parameters"] == (60 + 40) * 8
    assert found["name"] == "lightgcn"
    assert "its settings are fixed" in graphcl("show", finished, "train.lr=1").error


def test_check_says_ok(graphcl: Command) -> None:
    outcome = graphcl("check", "lightgcl")
    assert (outcome.code, outcome.out) == (0, "lightgcl: ok (task recommend)\n")


BAD = """\
task: recommend
encoder: {lightgcn: {dims: 64}}
views: {main: []}
terms:
  - bpr: {user: "main.nodes[user][users]", pos: "main.nodes[item][item_pos]", neg: "main.nodes[item][items_neg]"}
train:
  epochs: 2.5
  lr: .nan
  batchsize: 10
data: ml-100k
"""


def test_check_reports_all_problems_with_line_and_nearest_key(graphcl: Command, tmp_path: Path) -> None:
    recipe = tmp_path / "bad.yaml"
    recipe.write_text(BAD)
    outcome = graphcl("check", recipe)
    assert outcome.code == 2
    problems = outcome.err.splitlines()
    for line, says in {
        2: "nearest: 'towers.main.dim'",
        5: "nearest: 'items_pos'",
        7: "'train.epochs' must be a whole number",
        8: "'train.lr' must be a finite number",
        9: "unknown key 'train.batchsize'; nearest: 'train.batch_size'",
    }.items():
        assert any(p.startswith(f"{recipe}:{line}: ") and says in p for p in problems), (line, says, problems)
    assert len(problems) == 5
    found = json.loads(graphcl("check", recipe, "--json").out)
    assert found["ok"] is False
    assert found["problems"] == problems


def test_doctor(graphcl: Command, tmp_path: Path) -> None:
    outcome = graphcl("doctor", "--data-root", tmp_path / "nowhere")
    assert outcome.code == 0
    assert "torch" in outcome.out
    assert "nowhere (does not exist)" in outcome.out
    found = json.loads(graphcl("doctor", "--json").out)
    assert found["graphcl"] == package.__version__
    assert set(found["extras"]) == {"recbole", "dgl", "images", "audio", "code", "molecules", "text", "llm", "dev"}


def test_doctor_names_the_line_that_installs_a_missing_extra(graphcl: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    found = json.loads(graphcl("doctor", "--json").out)
    assert any("pip install 'graphcl[dgl]'" in note for note in found["notes"])


def test_doctor_on_a_python_that_recbole_does_not_know(graphcl: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("sys.version_info", (3, 12, 1))
    notes = json.loads(graphcl("doctor", "--json").out)["notes"]
    assert any("recbole does not run on Python 3.12" in note for note in notes)
    assert not any("graphcl[recbole]" in note for note in notes)
