"""``graphcl augment`` from the command line: offline, and against an endpoint on loopback."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from graphcl.cli.main import run
from graphcl.data.text_views import TextViews
from graphcl.engine.run import RunFolder
from graphcl.llm.backends import DoubleBackend, Fault
from graphcl.llm.request import Messages
from tests.llm.fault_server import FaultServer


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRAPHCL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    topics = ["kernel machines", "genetic search"]
    rows = [f'n{i},"On {topics[i % 2]}: text {i}, private",{topics[i % 2]}' for i in range(12)]
    (tmp_path / "graph").mkdir()
    (tmp_path / "graph" / "nodes.csv").write_text("id,text,label\n" + "\n".join(rows) + "\n")
    edges = "".join(f"n{i},n{(i + 2) % 12}\n" for i in range(12))
    (tmp_path / "graph" / "edges.csv").write_text("source,target\n" + edges)
    return tmp_path


def command(folder: Path, *more: str) -> list[str]:
    settings = [f"data.path={folder / 'graph'}", "data.split.ratios=[0.4,0.2,0.4]", "data.split.stratified=true"]
    return ["augment", "grace", *settings, "data.text.max_df=1.0", "--out", str(folder / "views"), *more]


def test_offline_views_are_written_and_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command(folder)) == 0
    said = capsys.readouterr().out
    assert "12 nodes, experts raw, summary, reasoning (offline extracts" in said
    assert len(TextViews.load(folder / "views").texts["summary"]) == 12
    assert run(command(folder)) == 2
    assert "exists already; --overwrite replaces it" in capsys.readouterr().err
    assert run(command(folder, "--overwrite", "--class-names", "--experts", "independent", "--json")) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["experts"] == ["raw", "independent"]
    assert value["label_knowledge"] is True


def test_an_endpoint_is_asked_once_and_never_again(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("openai", reason="the extra llm is not installed")
    prices = ("--price-in", "1", "--price-out", "2")
    with FaultServer(lambda text, time: "server_error" if time == 1 and "text 3" in text[:40] else "ok") as server:
        ask = ("--backend", "openai", "--model", "m", "--base-url", server.url, *prices)
        assert run(command(folder, *ask, "--dry-run")) == 0
        said = capfd.readouterr().out
        assert "36 requests, 0 of them answered already" in said
        assert "of answers: cost 0.0" in said
        assert run(command(folder, *ask[:-4], "--dry-run")) == 0
        assert "of answers: no price is given (--price-in, --price-out)" in capfd.readouterr().out
        assert server.calls.total() == 0
        assert run(command(folder, *ask)) == 0
        calls = server.calls.total()
        assert calls == 36 + 3
        assert run(command(folder, *ask, "--overwrite")) == 0
        assert server.calls.total() == calls
        assert run(command(folder, *ask, "--dry-run")) == 0
    out, err = capfd.readouterr()
    assert "36 requests, 36 of them answered already" in out
    assert "3 faults (server error 3)" in err
    assert "36 answers, 36 of them kept from before" in err
    views = TextViews.load(folder / "views")
    assert views.about["model"] == "m"
    assert views.texts["reasoning"][5].startswith("answer to Document")
    assert "private" not in out + err
    assert "sk-secret" not in out + err


def test_an_edited_prompt_asks_anew(folder: Path) -> None:
    pytest.importorskip("openai", reason="the extra llm is not installed")
    (folder / "prompts").mkdir()
    (folder / "prompts" / "mine.j2").write_text("{% block user %}Übersetze: {{ text }}{% endblock %}", encoding="utf-8")
    with FaultServer() as server:
        ask = ("--backend", "openai", "--model", "m", "--base-url", server.url, "--prompts", str(folder / "prompts"))
        assert run(command(folder, *ask, "--experts", "mine")) == 0
        assert all(text.startswith('Übersetze: "On ') for text in server.calls)
    assert TextViews.load(folder / "views").experts == ("raw", "mine")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--backend", "opnai"], "--backend: 'opnai'; nearest: 'openai'"),
        (["--backend", "openai", "--budget", "1"], "--budget needs --price-in and --price-out"),
        (["--concurrency", "0"], "--concurrency: Input should be greater than or equal to 1, got 0"),
        (["--experts", "sumary"], "unknown expert 'sumary'; nearest: 'summary'"),
        (["--experts", "independent"], "there are none"),
        (["--backend", "openai", "--model", "m", "--base-url", "http://127.0.0.1:1/v1", "--experts", "sumary"],
         "no prompt sumary.j2"),
        (["--backend", "transformers", "--model", "nowhere"], "nowhere is no folder"),
    ],
)
def test_mistakes_are_one_line(folder: Path, more: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command(folder, *more)) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert message in error
    assert not (folder / "views").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["lightgcn"], "is a recipe for the task 'recommend'"), (["grace"], "the nodes have no texts"),
     (["data=karate"], "the nodes have no texts")],
)
def test_data_without_texts_is_refused(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["augment", *arguments, "--out", "none"]) == 2
    assert message in capsys.readouterr().err


def speaks(messages: Messages, params: Mapping[str, Any]) -> str:
    """A model that summarises, and links what speaks of one topic."""
    lines = messages[-1][1].splitlines()
    candidates = [line for line in lines if line.startswith("Candidate")]
    if not candidates:
        return f"A summary: {lines[0][10:60]}"
    return str([int(("kernel" in line) == ("kernel" in lines[0])) for line in candidates])


def test_links_are_asked_about_too_and_a_recipe_trains_on_what_was_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    heard: list[Messages] = []

    def answer(messages: Messages, params: Mapping[str, Any]) -> str:
        heard.append(messages)
        return speaks(messages, params)

    monkeypatch.setattr("graphcl.cli.augment._backend", lambda *_, **__: DoubleBackend(answer, model="m"))
    assert run(command(folder, "--edges")) == 2
    assert "--edges asks a language model" in capsys.readouterr().err
    ask = ("--backend", "openai", "--model", "m", "--experts", "summary", "--edges")
    assert run(command(folder, *ask, "--dry-run")) == 0
    assert "24 requests, 0 of them answered already" in capsys.readouterr().out
    assert heard == []
    assert run(command(folder, *ask)) == 0
    assert len(heard) == 24
    assert "links: 12 answers" in capsys.readouterr().err
    heard.clear()
    settings = command(folder)[2:-2]
    views = folder / "views"
    train = ["train", "gaugllm", *settings, f"views.*.augment.prompt_experts.views={views}", "train.epochs=2",
             f"views.b.augment.edge_modifier={{decide: answers, views: {views}}}", "encoder.dim=8", "train.threads=1"]
    assert run([*train, "--out", str(folder / "run"), "--quiet"]) == 0
    record = json.loads((folder / "run" / "protocol.json").read_text())["augmenters"]
    assert record["b.edge_modifier"]["decided_by"] == "LLM-confirmed"
    assert record["b.edge_modifier"]["model"] == record["prompt_experts"]["model"] == "m"
    assert record["prompt_experts"]["experts"] == ["raw", "summary"]
    assert heard == [], "nothing is asked in training"


def test_views_of_a_relative_path_are_found_from_any_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert run([*command(folder)[:-1], "views", "--experts", "summary"]) == 0
    train = ["train", "gaugllm", *command(folder)[2:-2], "views.*.augment.prompt_experts.views=views"]
    train += ["views.b=[prompt_experts]", "train.epochs=1", "encoder.dim=8", "train.threads=1"]
    assert run([*train, "--out", "run", "--quiet"]) == 0
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    RunFolder("../run").set_status("training")
    assert run(["resume", "../run", "--quiet"]) == 0


def test_a_budget_is_of_texts_and_links_together(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("graphcl.cli.augment._backend", lambda *_, **__: DoubleBackend(speaks, model="m"))
    ask = ("--backend", "openai", "--model", "m", "--experts", "summary", "--edges", "--price-in", "1", "--price-out",
           "2", "--concurrency", "1", "--max-tokens", "20", "--json")
    assert run(command(folder, *ask, "--dry-run")) == 0
    whole = json.loads(capsys.readouterr().out)["cost"]
    assert run(command(folder, *ask, "--budget", str(whole / 2))) == 0
    assert "links: " in capsys.readouterr().err
    about = [json.loads((folder / "views" / name).read_text()) for name in ("views.json", "edges.json")]
    assert 0 < sum(part["cost"] for part in about) <= whole / 2
    assert about[1]["unanswered"] > 0


def test_what_the_chosen_backend_would_not_read_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = ("--base-url", "http://127.0.0.1:1/v1", "--model", "m")
    for more, message in [
        (url, "--model, --base-url: the offline experts, the default, ask nobody; --backend openai asks an endpoint"),
        (("--prompts", str(folder)), "--prompts: the offline experts"),
        (("--backend", "transformers", *url), "--base-url: a local model reads none"),
        (("--backend", "openai", *url, "--max-tokens", "0"), "--max-tokens: must be at least 1, got 0"),
        (("--backend", "openai", *url, "--timeout", "-1"), "--timeout: must be at least 0.001, got -1"),
        (("--backend", "openai", *url, "--param", "top_p"), "--param: 'top_p' is not NAME=VALUE"),
        (("--backend", "openai", *url, "--param", "model=x"), "--param: model is not one to set here"),
        (("--backend", "openai", *url, "--prompts", str(folder)), "has none of independent.j2, summary.j2, reasoning"),
    ]:
        assert run(command(folder, *more)) == 2
        out, err = capsys.readouterr()
        assert message in err
        assert err.count("\n") == 1, "nothing is read before"
        assert not out
    assert not (folder / "views").exists()


def test_an_estimate_needs_no_key(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("openai", reason="the extra llm is not installed")
    monkeypatch.delenv("OPENAI_API_KEY")
    ask = ("--backend", "openai", "--model", "m", "--price-in", "1")
    assert run(command(folder, *ask, "--dry-run")) == 0
    assert "36 requests" in capsys.readouterr().out
    assert run(command(folder, *ask)) == 2
    assert "no key: set OPENAI_API_KEY" in capsys.readouterr().err
    assert run(command(folder, *ask, "--base-url", "localhost/v1", "--dry-run")) == 2
    assert "'localhost/v1' does not begin with http:// or https://" in capsys.readouterr().err


def test_views_of_which_nobody_answered_are_not_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuses(messages: Messages, params: Mapping[str, Any]) -> str:
        raise Fault("status 400", "request")

    monkeypatch.setattr("graphcl.cli.augment._backend", lambda *_, **__: DoubleBackend(refuses, model="m"))
    monkeypatch.setattr("graphcl.llm.patience.FIRST_REFUSED", 99)
    ask = ("--backend", "openai", "--model", "m", "--experts", "summary", "--price-in", "1")
    assert run(command(folder, *ask)) == 2
    assert "error: no question was answered (status 400), and no views are written\n" in capsys.readouterr().err
    assert run(command(folder, *ask, "--budget", "1e-9")) == 2
    assert "(the budget is spent), and no views are written; a larger --budget" in capsys.readouterr().err
    assert not (folder / "views").exists()


def test_an_interrupted_run_says_how_it_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    heard: list[str] = []

    def interrupted(messages: Messages, params: Mapping[str, Any]) -> str:
        heard.append(messages[-1][1])
        if len(heard) > 5:
            raise KeyboardInterrupt
        return "said"

    monkeypatch.setattr("graphcl.cli.augment._backend", lambda *_, **__: DoubleBackend(interrupted, model="m"))
    ask = ("--backend", "openai", "--model", "m", "--experts", "summary", "--concurrency", "1")
    assert run(command(folder, *ask)) == 130
    assert "interrupted; 5 answers are kept in " in capsys.readouterr().err
    assert not (folder / "views").exists()


def test_old_views_stand_until_the_new_ones_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command(folder)) == 0
    before = sorted((path.name, path.read_bytes()) for path in (folder / "views").iterdir())

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("graphcl.data.text_views.save_file", full)
        assert run(command(folder, "--overwrite", "--experts", "summary")) == 2
    assert "cannot write" in capsys.readouterr().err
    assert before == sorted((path.name, path.read_bytes()) for path in (folder / "views").iterdir())
    assert run(command(folder, "--overwrite", "--experts", "summary")) == 0
    assert TextViews.load(folder / "views").experts == ("raw", "summary")
    assert sorted(path.name for path in folder.iterdir()) == ["graph", "views"], "nothing is left beside it"


def test_a_run_says_who_spoke_and_who_decided(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = [*command(folder)[2:-2], "train.epochs=1", "encoder.dim=8", "train.threads=1"]
    assert run(["train", "gaugllm", *settings, "--out", str(folder / "run"), "--quiet"]) == 0
    assert run(["evaluate", str(folder / "run")]) == 0
    for said in capsys.readouterr().out.split("embeddings: "):
        assert "prompt_experts: raw, summary, reasoning of offline extracts (TextRank, TF-IDF), mixed by a lear" in said
        assert "b.edge_modifier: offline-confirmed, approved for removal " in said


def test_a_refused_parameter_is_named_and_can_be_left_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("openai", reason="the extra llm is not installed")
    with FaultServer(lambda text, time: "temperature") as server:
        ask = ("--backend", "openai", "--model", "m", "--base-url", server.url, "--experts", "summary")
        assert run(command(folder, *ask)) == 2
        said = capsys.readouterr().err
        assert "does not take temperature for 'm': --param temperature= sends none (status 400 for temperature)" in said
        assert run(command(folder, *ask, "--param", "temperature=", "--param", "top_k=5")) == 0
    assert TextViews.load(folder / "views").about["params"] == {"max_tokens": 300, "top_k": 5}


def test_a_run_does_not_go_on_with_other_views_than_it_began_with(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("graphcl.cli.augment._backend", lambda *_, **__: DoubleBackend(speaks, model="m"))
    ask = ("--backend", "openai", "--model", "m", "--experts", "summary", "--edges")
    assert run(command(folder, *ask)) == 0
    views, out = folder / "views", str(folder / "run")
    settings = [*command(folder)[2:-2], "train.epochs=2", "encoder.dim=8", "train.threads=1", "--out", out]
    reads = [f"views.*.augment.prompt_experts.views={views}",
             f"views.b.augment.edge_modifier={{decide: answers, views: {views}}}"]

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("graphcl.engine.fit.finish", interrupted)
        assert run(["train", "gaugllm", *reads, *settings, "--quiet"]) == 130
    for name in ("views.json", "edges.json"):
        before = (views / name).read_text()
        (views / name).write_text(before.replace('"model": "m"', '"model": "other"'))
        capsys.readouterr()
        assert run(["resume", out, "--quiet"]) == 2
        assert "reads were made anew since the training began; put the old ones back" in capsys.readouterr().err
        (views / name).write_text(before)
    assert run(["resume", out, "--quiet"]) == 0
