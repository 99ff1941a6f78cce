from __future__ import annotations

import json
from pathlib import Path

import pytest

from ..rca.incident import incident, moment
from .conftest import Command


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Metrics of an incident that began at the database."""
    path = tmp_path / "metrics.csv"
    incident().to_csv(path, index=False)
    return path


def test_a_ranked_table_with_evidence(graphcl: Command, table: Path) -> None:
    done = graphcl("rca", table)
    assert done.code == 0, done.err
    assert "anomaly at 2022-08-22T01:34:00Z (found), method deviation" in done.out
    lines = done.out[done.out.index("metrics") :].splitlines()
    first = next(line for line in lines if line.startswith(" 1 "))
    assert "db" in first.split()
    assert "rises to" in first
    assert "2022-08-22T01:34:00Z" in first
    assert "names read as {service}_{metric}" in done.err


def test_json_and_files(graphcl: Command, table: Path, tmp_path: Path) -> None:
    done = graphcl("rca", table, "--anomaly-time", moment(200), "--top", 2, "--json", "--out", tmp_path / "answer")
    assert done.code == 0, done.err
    shown = json.loads(done.out)
    assert (len(shown["metrics"]), len(shown["services"])) == (2, 2)
    assert shown["services"][0]["service"] == "db"
    assert shown["detected"] is False
    written = json.loads((tmp_path / "answer" / "ranking.json").read_text())
    assert written["metrics"][:2] == shown["metrics"]
    assert len(written["services"]) == 4
    again = graphcl("rca", table, "--out", tmp_path / "answer")
    assert (again.code, again.error.split("; ")[1]) == (2, "replace it with --overwrite")
    assert graphcl("rca", table, "--out", tmp_path / "answer", "--overwrite").code == 0


def test_no_anomaly_has_an_exit_code_of_its_own(graphcl: Command, tmp_path: Path) -> None:
    incident(fault="none").to_parquet(tmp_path / "m.parquet")
    done = graphcl("rca", tmp_path / "m.parquet")
    assert (done.code, done.out) == (3, "no anomaly found\n")
    shown = graphcl("rca", tmp_path / "m.parquet", "--json")
    assert shown.code == 3
    assert json.loads(shown.out)["metrics"] == []


def test_options_of_names_front_map_and_walk(graphcl: Command, tmp_path: Path) -> None:
    for name, table in (("m.csv.gz", incident()), ("normal.csv", incident(fault="none", seed=1))):
        table.columns = [":".join(reversed(str(column).split("_"))) for column in table.columns]
        table.to_csv(tmp_path / name, index=False)
    (tmp_path / "map.json").write_text('{"web": ["cart", "ads"], "cart": ["db"]}')
    done = graphcl(
        "rca", tmp_path / "m.csv.gz", "--names", "{metric}:{service}", "--front", "web.latency", "--service-map",
        tmp_path / "map.json", "--method", "granger-pagerank", "--direction", "to_causes", "--acyclic", "--json",
        "--prior", "map", "--damping", "0.3", "--weighted",
        "--normal", tmp_path / "normal.csv", "--anomaly-time", moment(200),
    )  # fmt: skip
    assert done.code == 0, done.err
    assert json.loads(done.out)["services"][0]["service"] in {"db", "cart"}
    assert "latency:web" not in [row["name"] for row in json.loads(done.out)["metrics"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--anomaly-time", "1661132040000"], "outside of the data, 1661126040..1661133210"),
        (["--anomaly-time", "yesterday-ish"], "is no time"),
        (["--method", "pagerank"], "--method 'pagerank' is unknown"),
        (["--names", "{service}"], "give {service} and {metric} once each"),
        (["--front", "nothing"], "--front 'nothing' is no SERVICE.METRIC"),
        (["--time", "tme"], "nearest: 'time'"),
        (["--direction", "up"], "--direction: 'up'; known: to_causes, to_effects"),
        (["--service-map", "none.csv"], "no file none.csv"),
        (["--normal", "none.csv"], "no file none.csv"),
        (["--prior", "order"], "--prior: 'order'; known: map, onset, both, none"),
        (["--prior", "map", "--method", "pc-pagerank"], "--prior map needs to know who calls whom"),
        (["--votes", "3"], "method 'deviation' has no seeds that vote"),
        (["--damping", "1"], "Invalid value for '--damping'"),
        (["--damping", "0"], "method 'deviation' draws no graph to walk on"),
        (["--acyclic"], "method 'deviation' draws no graph to walk on"),
        (["--seed", "-1"], "Invalid value for '--seed'"),
        (["--out", __file__], "is no folder"),
    ],
)
def test_mistakes_are_one_line(graphcl: Command, table: Path, arguments: list[str], message: str) -> None:
    done = graphcl("rca", table, *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.error
    assert done.err.count("\n") == 1


def test_milliseconds_are_suspected(graphcl: Command, table: Path) -> None:
    assert graphcl("rca", table, "--anomaly-time", f"{moment(200):.0f}000").error.endswith("; milliseconds?")


def test_what_is_no_table_of_metrics(graphcl: Command, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("a_cpu,b_cpu\n1,2\n")
    assert "no column of times" in graphcl("rca", tmp_path / "m.csv").error
    assert "no file" in graphcl("rca", tmp_path / "none.csv").error


def test_run_says_what_the_change_shows_before_it_trains(graphcl: Command, table: Path) -> None:
    quick = ["train.epochs=20", "train.eval_every=20", "phases.contrast.stop=5", "phases.forecast.start=5"]
    done = graphcl("rca", table, *quick, "--recipe", "run_rca", "--json")
    assert done.code == 0, done.err
    assert done.err.index("first answer (deviation") < done.err.index("1. db (") < done.err.index("training; ")
    assert json.loads(done.out)["method"] == "run"
    refused = graphcl("rca", table, "--method", "baro", *quick)
    assert refused.error == "error: method 'baro' trains no recipe; run and run-reference do"


def test_a_made_up_incident(graphcl: Command, tmp_path: Path) -> None:
    done = graphcl("rca", "--demo", "--seed", 2, "--json", "--out", tmp_path)
    assert done.code == 0, done.err
    assert "in truth: delay at" in done.err
    shown = json.loads(done.out)
    assert shown["services"][0]["service"] == shown["truth"]["service"]
    again = graphcl("rca", tmp_path / "demo.csv", "--json")
    assert json.loads(again.out)["metrics"] == shown["metrics"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give one of FILE, --demo and --prometheus; here none"),
        (["m.csv", "--demo"], "here FILE and --demo"),
        (["--demo", "train.lr=1", "--method", "baro"], "method 'baro' trains no recipe"),
        (["--demo", "--step", "1m"], "belong to --prometheus"),
        (["--prometheus", "localhost:1", "--start", "0"], "needs --start and --step"),
        (["--prometheus", "localhost:1", "--start", "0", "--step", "soon"], "'soon' is no duration"),
        (["--prometheus", "ftp://x", "--start", "0", "--step", "1"], "is no address"),
    ],
)
def test_one_source(graphcl: Command, arguments: list[str], message: str) -> None:
    done = graphcl("rca", *arguments)
    assert done.code == 2
    assert message in done.error


def test_a_full_disk_does_not_take_the_answer_away(
    graphcl: Command, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("graphcl.core.files.tempfile.mkstemp", full)
    done = graphcl("rca", table, "--json", "--out", tmp_path / "answer")
    assert done.code == 2
    assert done.error.endswith("ranking.json: No space left on device")
    assert json.loads(done.out)["services"][0]["service"] == "db"


def test_the_help_names_every_method(graphcl: Command) -> None:
    from graphcl.rca.methods import METHODS

    shown = " ".join(graphcl("rca", "--help").out.replace("\u2502", " ").split())
    assert [name for name in METHODS if f" {name}" not in shown] == []
