"""The loop: what a killed, an interrupted and an early-stopped training come to."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

import graphcl
from graphcl.core.config.recipe import Recipe
from graphcl.core.errors import UserError
from graphcl.engine import checkpoint
from graphcl.engine.log import read_log
from graphcl.engine.observe import Observer
from graphcl.engine.run import RunFolder
from graphcl.engine.training import Interrupted, Training

from .toy import RECIPE, same, toy_recipe, toy_training, weights

#: Everything a checkpoint must carry: dropout of the library's kind, a growing state, a head, phases, momentum.
RICH = """
task: toy
encoder: {toy_tower: {dim: 4, dropout: 0.3}}
heads: {proj: toy_head}
views: {a: [toy_noise], b: {augment: [toy_noise], redraw: epoch}}
terms:
  - toy_pull: {x: "a.nodes[batch]", y: "b.nodes[batch]"}
  - toy_pull: {x: "a.proj[batch]"}
states:
  early: {toy_growing: {rows: "a.nodes", when: epoch_start}}
  late: {toy_growing: {rows: "b.proj[batch]", every: 2}}
phases:
  p: {terms: [toy_pull], period: epoch}
  q: {terms: ["toy_pull#2"], optimizer: adamw}
train: {epochs: 4, batch_size: 4, lr: 0.05, lr_decay: 0.9, patience: 0, threads: 1}
"""


class Killed(BaseException):
    """Stands for kill -9: nothing of the engine may run after it but ``finally``."""


class KillAt(Observer):
    """Kills when so many steps are done; counts them."""

    def __init__(self, at: int = -1) -> None:
        self.at, self.count = at, 0

    def stepped(self, **_: Any) -> None:
        self.count += 1
        if self.count == self.at:
            raise Killed


def run_of(recipe: Recipe, path: Path) -> RunFolder:
    return RunFolder.create(path, recipe)


def whole(recipe: Recipe, path: Path) -> Training:
    training = toy_training(recipe, run_of(recipe, path))
    training.train()
    return training


@pytest.mark.parametrize("seconds", [1e-9, 1e9], ids=["checkpoint each step", "each epoch"])
@pytest.mark.parametrize("at", [1, 4, 8])
def test_killed_and_resumed_it_is_bit_for_bit_the_same(tmp_path: Path, at: int, seconds: float) -> None:
    recipe = toy_recipe(tmp_path, RICH, f"train.checkpoint_seconds={seconds}")
    expected = whole(recipe, tmp_path / "whole")
    run = run_of(recipe, tmp_path / "killed")
    with pytest.raises(Killed):
        toy_training(recipe, run, KillAt(at)).train()
    counter = KillAt()
    resumed = toy_training(recipe, run, counter)
    resumed.restore()
    resumed.train()
    assert same(weights(resumed), weights(expected))
    assert resumed.progress == expected.progress
    assert read_log(run) == read_log(RunFolder(tmp_path / "whole"))
    assert run.best.read_bytes() == RunFolder(tmp_path / "whole").best.read_bytes()
    repeated = counter.count - (12 - at)
    # A step counts as done once it is reported; its checkpoint comes after that.
    assert 0 <= repeated <= (1 if seconds < 1 else 3)


def test_the_global_generators_are_seeded_and_put_back(tmp_path: Path) -> None:
    recipe = toy_recipe(tmp_path, RICH)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = whole(recipe, tmp_path / "one")
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert same(weights(first), weights(whole(recipe, tmp_path / "two")))
    other = whole(toy_recipe(tmp_path, RICH, "train.seed=1"), tmp_path / "three")
    assert not same(weights(first), weights(other))


def test_a_checkpoint_of_another_stage_is_not_taken(tmp_path: Path) -> None:
    recipe = toy_recipe(tmp_path)
    run = run_of(recipe, tmp_path / "run")
    toy_training(recipe, run).train()
    later = toy_training(recipe, run)
    later.progress.stage = "refit"
    assert not later.restore()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_step_writes_a_checkpoint_and_stops(tmp_path: Path, number: int) -> None:
    class Signal(Observer):
        def stepped(self, *, epoch: int, batch: int, **_: Any) -> None:
            if (epoch, batch) == (2, 1):
                os.kill(os.getpid(), number)

    recipe = toy_recipe(tmp_path)
    run = run_of(recipe, tmp_path / "run")
    before = signal.getsignal(number)
    with pytest.raises(Interrupted):
        toy_training(recipe, run, Signal()).train()
    assert signal.getsignal(number) is before
    _, progress = checkpoint.read(run.last)
    assert (progress.epoch, progress.batch, progress.step) == (1, 1, 4)
    resumed = toy_training(recipe, run)
    assert resumed.restore()
    resumed.train()
    assert same(weights(resumed), weights(whole(recipe, tmp_path / "whole")))


@pytest.mark.parametrize("on_disk", [True, False])
def test_it_stops_without_progress_and_keeps_the_best_epoch(tmp_path: Path, on_disk: bool) -> None:
    scores = "eval.scores=[0.1, 0.3, 0.2, 0.3, 0.1, 0.9]"
    recipe = toy_recipe(tmp_path, RECIPE, scores, "train.epochs=6", "train.patience=3")
    stopped = toy_training(recipe, run_of(recipe, tmp_path / "run") if on_disk else None)
    stopped.train()
    assert (stopped.progress.epoch, stopped.progress.best_epoch, stopped.progress.best) == (5, 2, 0.3)
    two = toy_training(recipe.override("train.epochs=2"), validate=False)
    two.train()
    assert same(weights(stopped), weights(two))


@pytest.mark.parametrize("on_disk", [True, False])
def test_the_loss_may_choose_the_epoch(tmp_path: Path, on_disk: bool) -> None:
    """Without a look at validation; twelve epochs at a rate at which the loss rises again."""
    options = ("train.monitor=loss", "train.patience=2", "train.epochs=12", "train.lr=0.8", "train.checkpoint_every=5",
               "terms.toy_pull.weight=2", "eval.scores=[0.5]")
    recipe = toy_recipe(tmp_path, RECIPE, *options)
    stopped = toy_training(recipe, run_of(recipe, tmp_path / "run") if on_disk else None)
    seen: list[float] = []
    stopped.observer.epoch_ended = lambda terms, **_: seen.append(2 * terms["toy_pull"])  # type: ignore[method-assign]
    stopped.train()
    best = stopped.progress.best_epoch
    assert seen.index(min(seen)) + 1 == best == stopped.progress.epoch - 2
    assert stopped.progress.best == pytest.approx(-min(seen))
    assert stopped.task.scores == [0.5]  # validation was not read
    again = toy_training(recipe.override(f"train.epochs={best}", "train.patience=0"), validate=False)
    again.train()
    assert same(weights(stopped), weights(again))


def test_the_cosine_is_that_of_the_whole_run_after_a_resume(tmp_path: Path) -> None:
    options = ("train.lr_schedule=cosine", "train.warmup_epochs=1", "train.epochs=4")
    recipe = toy_recipe(tmp_path, RECIPE, *options)
    training = toy_training(recipe)
    rates: list[float] = []
    training.observer.stepped = lambda **_: rates.append(  # type: ignore[method-assign]
        training.phases[0].optimizer.param_groups[0]["lr"]
    )
    training.train()
    assert rates[:3] == pytest.approx([0.05 / 3, 0.1 / 3, 0.05])
    assert rates[3] == 0.05
    assert rates[3:] == sorted(rates[3:], reverse=True)
    assert 0 < rates[-1] < 0.005


def test_a_warm_up_as_long_as_the_run_is_said(tmp_path: Path) -> None:
    notes: list[str] = []
    training = toy_training(toy_recipe(tmp_path, RECIPE, "train.warmup_epochs=3"))
    training.observer.note = notes.append  # type: ignore[method-assign]
    training.train()
    assert notes == ["train.warmup_epochs: 3 of 3 epochs, so train.lr is never reached"]


def test_evaluations_are_every_so_many_epochs_and_at_the_end(tmp_path: Path) -> None:
    training = toy_training(toy_recipe(tmp_path, RECIPE, "train.epochs=5", "train.eval_every=2"))
    training.train()
    assert [record["epoch"] for record in training.progress.history] == [2, 4, 5]


def test_an_unknown_monitor_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"train\.monitor: no metric 'scor'; nearest: 'score'"):
        toy_training(toy_recipe(tmp_path, RECIPE, "train.monitor=scor")).train()


def test_fit_and_resume_of_a_whole_run(tmp_path: Path) -> None:
    """The public functions: data, training, test, and the files of the run."""
    recipe = toy_recipe(tmp_path, RICH, "train.checkpoint_seconds=1e-9")
    expected = graphcl.fit(recipe, out=tmp_path / "whole")
    with pytest.raises(Killed):
        graphcl.fit(recipe, out=tmp_path / "killed", observers=[KillAt(7)])
    resumed = graphcl.resume(tmp_path / "killed")
    assert resumed is not None
    assert same(resumed.model.state_dict(), expected.model.state_dict())
    assert same(resumed.embeddings, expected.embeddings)
    assert resumed.metrics == expected.metrics
    for name in ("metrics.json", "config.yaml", "embeddings.safetensors", "log.jsonl", "checkpoints/best.safetensors"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    assert graphcl.resume(tmp_path / "killed") is None
    with pytest.raises(UserError, match="exists; go on with it by 'graphcl resume"):
        graphcl.fit(recipe, out=tmp_path / "killed")


def test_runs_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a run"):
        graphcl.resume(tmp_path / "absent")
    recipe = toy_recipe(tmp_path)
    run = run_of(recipe, tmp_path / "run")
    info = (run.path / "run.json").read_text()
    (run.path / "run.json").write_text(info.replace('"format": 1', '"format": 7'))
    with pytest.raises(UserError, match="in run format 7; this version reads format 1"):
        graphcl.resume(run.path)
    (run.path / "run.json").write_text("{half")
    with pytest.raises(UserError, match="cannot read"):
        graphcl.resume(run.path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("mine")
    with pytest.raises(UserError, match="is not a run's folder; give another --out"):
        graphcl.fit(recipe, out=tmp_path / "other", overwrite=True)
    assert (tmp_path / "other" / "file").read_text() == "mine"
