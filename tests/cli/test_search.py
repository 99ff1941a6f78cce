"""Functions are found by what they do: a small folder learnt by heart, and what cannot be searched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("tree_sitter", reason="tree-sitter is not installed: pip install 'graphcl[code]'")

from graphcl.cli.main import run as command
from graphcl.core.build import build
from graphcl.core.errors import UserError
from graphcl.data.code_sets.pairs import CodePairs

THINGS = ("banana", "window", "planet", "bridge", "violin", "candle", "desert", "engine", "forest", "garden")
SAYS = {"open": "Opens the {} named here", "close": "Closes the {} for good", "count": "How many {} there are"}


def write(folder: Path) -> Path:
    for thing in THINGS:
        functions = [
            f'def {verb}_{thing}(x):\n    """{says.format(thing)}."""\n'
            f"    y = {verb}(x.{thing})\n    return {thing}(y)\n"
            for verb, says in SAYS.items()
        ]
        functions.append(f"def bare_{thing}(a):\n    return a + a.b(a, 1)\n")
        folder.mkdir(exist_ok=True)
        (folder / f"{thing}.py").write_text("\n".join(functions))
    return folder


def test_pairs_are_functions_without_what_is_said_of_them(tmp_path: Path) -> None:
    data: CodePairs = build("data", "code_pairs", {"path": str(write(tmp_path / "code"))}).load(seed=0)
    assert len(data) == len(data.ids) == 30
    assert data.ids[0] == "banana.py:1 open_banana"
    assert "functions of which nothing is said, searched but not trained on: 10" in data.report.notes
    said, code = (set(data.fields[name][0].words.flatten().tolist()) for name in ("text", "code"))
    assert len(said - {0}) == 6  # opens the banana named here .
    assert len((said & code) - {0}) == 1  # banana: the docstring is not in the code
    packed, places, _ = build("data", "code_pairs", {"path": str(tmp_path / "code")}).corpus(data.layout)
    assert len(packed) == len(places) == 40


def test_a_single_file_is_code_too_and_how_much_is_said_in_it_is_counted(tmp_path: Path) -> None:
    file = write(tmp_path / "code") / "banana.py"
    with pytest.raises(UserError, match=r"banana\.py: of 4 functions 3 have documentation of 3 words; at least 10 are"):
        build("data", "code_pairs", {"path": str(file)}).load(seed=0)


def test_a_run_finds_functions_by_a_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, run = write(tmp_path / "code"), str(tmp_path / "run")
    options = ["train.threads=1", "train.epochs=15", "train.batch_size=12", "encoder.tower.gin.dim=96"]
    assert command(["train", "cocosoda", f"data.path={code}", *options, "train.patience=0", "--out", run, "-q"]) == 0
    assert command(["embed", run, "--data", str(code), "--out", str(tmp_path / "new.npz")]) == 2
    assert 'other data is for graphcl search RUN "TEXT" --data FOLDER' in capsys.readouterr().err
    assert command(["search", run, "closes the violin", "-k", "3", "--json", "--quiet"]) == 0
    found = json.loads(capsys.readouterr().out)["found"]
    assert len(found) == 3
    assert any("violin.py" in row["function"] for row in found)
    assert found[0]["cosine"] >= found[1]["cosine"]
    one = tmp_path / "one"
    one.mkdir()
    (one / "a.go").write_text("package m\nfunc Close(v Violin, n int) int { return v.Close(n) + n }\n")
    assert command(["search", run, "closes the violin", "--data", str(one), "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out)["found"][0]["function"] == "a.go:2 Close"
    assert command(["search", run, " "]) == 2
    assert "there is no word in" in capsys.readouterr().err


def test_words_that_no_training_has_seen_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, run, new = write(tmp_path / "code"), str(tmp_path / "run"), tmp_path / "new"
    options = ["train.threads=1", "train.epochs=2", "train.batch_size=12", "encoder.sets=1024"]
    assert command(["train", "code_search", f"data.path={code}", *options, "--out", run, "--quiet"]) == 0
    new.mkdir()
    animals = ("walrus", "zebra", "falcon", "otter", "badger", "lizard")
    (new / "zoo.py").write_text("\n".join(f"def wash_{one}(x):\n    return x.{one}(x, 1)\n" for one in animals))
    capsys.readouterr()
    for one in animals:
        assert command(["search", run, f"Where is the {one} named", "--data", str(new), "--json", "--quiet"]) == 0
        assert json.loads(capsys.readouterr().out)["found"][0]["function"].endswith(f"wash_{one}")
