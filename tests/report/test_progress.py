from __future__ import annotations

import io

import pytest
from rich.console import Console

from graphcl.report.progress import BarProgress, PlainProgress, counted, watcher


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def said() -> list[str]:
    return []


def test_about_ten_lines_for_a_training(said: list[str]) -> None:
    progress = PlainProgress("ndcg@20", say=said.append, clock=Clock())
    progress.started(epochs=100, batches=2, epoch=0, stage="select")
    for epoch in range(1, 101):
        for batch in (1, 2):
            progress.stepped(epoch=epoch, batch=batch, terms={"bpr": 0.5}, examples=8)
        progress.epoch_ended(epoch=epoch, terms={"bpr": 0.5}, metrics={})
    assert said[0] == "training: at most 100 epochs of 2 steps"
    assert [line.split()[1] for line in said[1:]] == [f"{n}/100" for n in range(10, 101, 10)]


def test_a_line_has_terms_validation_and_speed(said: list[str]) -> None:
    clock = Clock()
    progress = PlainProgress("ndcg@20", say=said.append, clock=clock)
    progress.started(epochs=2, batches=2, epoch=0, stage="select")
    for value, batch in ((0.6, 1), (0.2, 2)):
        clock.now += 0.5
        progress.stepped(epoch=1, batch=batch, terms={"bpr": value, "info_nce": 3.0}, examples=1000)
    clock.now += 100  # the evaluation
    progress.epoch_ended(epoch=1, terms={}, metrics={"ndcg@20": 0.25, "recall@20": 0.5})
    assert said[-1] == "epoch 1/2  bpr 0.4  info_nce 3  valid ndcg@20 0.2500 at epoch 1 (best 0.2500)  2,000 examples/s"


def test_the_best_value_stays(said: list[str]) -> None:
    progress = PlainProgress("m", say=said.append, clock=Clock())
    progress.started(epochs=2, batches=1, epoch=0, stage="select")
    progress.epoch_ended(epoch=1, terms={}, metrics={"m": 0.5})
    progress.epoch_ended(epoch=2, terms={}, metrics={"m": 0.25})
    assert "m 0.2500 at epoch 2 (best 0.5000)" in said[-1]


def test_long_epochs_speak_every_ten_seconds(said: list[str]) -> None:
    clock = Clock()
    progress = PlainProgress("m", say=said.append, clock=clock)
    progress.started(epochs=1, batches=100, epoch=0, stage="select")
    for batch in range(1, 101):
        clock.now += 1
        progress.stepped(epoch=1, batch=batch, terms={"t": 1.0}, examples=1)
    assert [line.split()[3] for line in said[1:]] == [f"{n}/100" for n in range(10, 100, 10)]


def test_a_term_of_a_phase_that_rests_is_averaged_over_its_own_steps(said: list[str]) -> None:
    progress = PlainProgress("m", say=said.append, clock=Clock())
    progress.started(epochs=1, batches=4, epoch=0, stage="select")
    for batch in range(4):
        terms = {"a": 1.0} if batch % 2 else {"a": 1.0, "rare": 4.0}
        progress.stepped(epoch=1, batch=batch + 1, terms=terms, examples=1)
    progress.epoch_ended(epoch=1, terms={}, metrics={})
    assert "a 1  rare 4" in said[-1]


def test_says_where_a_resumed_training_goes_on(said: list[str]) -> None:
    PlainProgress("m", say=said.append).started(epochs=20, batches=3, epoch=7, stage="select")
    assert said == ["training goes on at epoch 8 of 20 (3 steps an epoch)"]


def test_a_terminal_gets_a_bar_and_notes_keep_their_brackets() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=150)
    progress = watcher("ndcg@20", console=console)
    assert isinstance(progress, BarProgress)
    progress.note("k_core=[5] of [red]data[/red]")
    progress.started(epochs=1, batches=1, epoch=0, stage="select")
    progress.stepped(epoch=1, batch=1, terms={"bpr": 0.5}, examples=8)
    progress.epoch_ended(epoch=1, terms={"bpr": 0.5}, metrics={"ndcg@20": 0.125})
    progress.finished()
    progress.finished()
    text = screen.getvalue()
    assert "k_core=[5] of [red]data[/red]" in text
    assert "epoch 1/1" in text
    assert "bpr 0.5" in text
    assert "valid ndcg@20 0.1250" in text


def test_a_pipe_gets_lines() -> None:
    screen = io.StringIO()
    watcher("m", console=Console(file=screen)).note("x" * 200)
    assert screen.getvalue() == "x" * 200 + "\n"


def test_counted_passes_blocks_on_and_says_the_quarters(said: list[str]) -> None:
    blocks = [range(10)] * 10
    assert list(counted(blocks, 100, len, "users", said.append)) == blocks
    assert said == ["30 of 100 users", "60 of 100 users", "90 of 100 users"]


def test_a_resumed_training_knows_the_best_value_so_far(said: list[str]) -> None:
    progress = PlainProgress("m", say=said.append, clock=Clock())
    progress.started(epochs=2, batches=1, epoch=1, stage="select", best=0.5)
    progress.epoch_ended(epoch=2, terms={}, metrics={"m": 0.25})
    assert "(best 0.5000)" in said[-1]
