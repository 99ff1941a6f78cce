"""A run that knows returns is asked for one, by its users and by a new history."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from graphcl.cli import main
from tests.cli.conftest import Command, Outcome

LEARN = [
    "encoder.dim=16", "encoder.num_layers=1", "encoder.dropout=0.1", "encoder.attention_dropout=0", "train.lr=1e-2",
    "train.batch_size=32", "train.threads=1", "train.device=cpu", "eval.baselines=[]", "encoder.buckets=20",
    "eval.mask_history=false", "data.returns.discount=0.1", "views.asked.augment.ask_returns.discount=0.1",
    "train.epochs=10", "train.eval_every=10",
]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Liked events are of the items good0 to good3, the others of bad0 to bad3."""
    folder, coin = tmp_path_factory.mktemp("returns"), random.Random(0)
    rows = ["who,what,when,stars"]
    for user in range(96):
        for t in range(9):
            liked = coin.random() < 0.5
            name = f"{'good' if liked else 'bad'}{(user + t) % 4}"
            rows.append(f"u{user},{name},2024-01-{1 + t:02d}T{user % 24:02d}:00:00,{5 if liked else 1}")
    (folder / "log.csv").write_text("\n".join(rows) + "\n")
    columns = ["data.user=who", "data.item=what", "data.time=when", "data.rating=stars"]
    given = [f"data.path={folder / 'log.csv'}", *columns, *LEARN, "--out", str(folder / "run"), "--quiet"]
    assert main.run(["train", "dt4ier", *given]) == 0
    return folder / "run"


def best(outcome: Outcome) -> list[str]:
    assert outcome.code == 0, outcome.err
    return [entry["items"][0]["item"] for entry in json.loads(outcome.out)]


@pytest.mark.parametrize("whom", [["--user", "u0", "u7", "u50"], ["--history", "good0,bad1,bad2"]])
def test_what_is_asked_for_is_answered(graphcl: Command, run: Path, whom: list[str]) -> None:
    for feedback, kind in (("1.1", "good"), ("0", "bad")):
        view = f"ask_returns.immediate={feedback}"
        found = best(graphcl("recommend", run, *whom, "--view", view, "--with-seen", "--json", "-k", "1"))
        assert all(item.startswith(kind) for item in found), (feedback, found)


def test_by_itself_it_asks_for_much(graphcl: Command, run: Path) -> None:
    assert best(graphcl("recommend", run, "--user", "u3", "--with-seen", "--json", "-k", "1"))[0].startswith("good")


@pytest.mark.parametrize("given", ["asked_returns.immediate=1", "ask_returns.immediate"])
def test_another_setting_is_refused(graphcl: Command, run: Path, given: str) -> None:
    outcome = graphcl("recommend", run, "--user", "u3", "--view", given)
    assert outcome.code == 2
    assert outcome.err == (
        f"error: '{given}': give AUGMENTER.OPTION=VALUE of the view 'asked', which has ask_returns\n"
    )
