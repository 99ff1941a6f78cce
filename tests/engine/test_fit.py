"""Whole runs of recommenders: training on all of train after choosing, and starting from an earlier run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import graphcl
from graphcl.core.errors import UserError
from graphcl.data.interactions import Ids, Interactions, Pairs
from graphcl.engine import checkpoint
from graphcl.engine.fitted import Fitted
from graphcl.engine.observe import Observer
from graphcl.engine.run import RunFolder

from .tiny import interactions, tiny_recipe


class Killed(BaseException):
    """Stands for kill -9."""


class Watch(Observer):
    """Keeps the stages and epochs of a fit; kills at a given one."""

    def __init__(self, kill: tuple[str, int] | None = None) -> None:
        self.epochs: list[tuple[str, int]] = []
        self.notes: list[str] = []
        self.stage, self.kill = "", kill

    def note(self, text: str) -> None:
        self.notes.append(text)

    def started(self, *, stage: str, **_: Any) -> None:
        self.stage = stage

    def stepped(self, *, epoch: int, batch: int, **_: Any) -> None:
        if self.kill == (self.stage, epoch) and batch == 2:
            raise Killed

    def epoch_ended(self, *, epoch: int, **_: Any) -> None:
        self.epochs.append((self.stage, epoch))


def same(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_fit_says_what_it_trained_and_is_repeatable() -> None:
    first, second = (graphcl.fit(tiny_recipe("lightgcn"), data=interactions()) for _ in range(2))
    assert same(first.embeddings, second.embeddings)
    assert first.metrics == second.metrics
    assert {"test/ndcg@5", "valid/ndcg@5", "baseline/popularity/ndcg@5"} <= set(first.metrics)
    assert 1 <= first.best_epoch <= 3
    assert first.path is None
    assert {name: rows.shape for name, rows in first.embeddings.items()} == {"user": (12, 8), "item": (15, 8)}


# --- refit -----------------------------------------------------------------------------------------


def refit(folder: Path | None = None, watch: Watch | None = None) -> Fitted:
    recipe = tiny_recipe("lightgcn", "data.split.valid=refit", "train.checkpoint_seconds=1e-9")
    data = interactions(valid="refit")
    return graphcl.fit(recipe, data=data, out=folder, observers=[watch or Watch()])


def test_refit_trains_on_train_and_validation_for_the_epochs_chosen(tmp_path: Path) -> None:
    watch = Watch()
    fitted = refit(tmp_path / "run", watch)
    chosen = graphcl.fit(tiny_recipe("lightgcn"), data=interactions()).best_epoch
    assert watch.epochs == [("select", e) for e in (1, 2, 3)] + [("refit", e) for e in range(1, chosen + 1)]
    by_hand = graphcl.fit(tiny_recipe("lightgcn", f"train.epochs={chosen}"), data=interactions().refit())
    assert fitted.best_epoch == chosen
    assert {k: v.shape for k, v in by_hand.embeddings.items()} == {k: v.shape for k, v in fitted.embeddings.items()}
    assert fitted.metrics["valid/ndcg@5"] > 0  # of the epoch that was chosen, before validation was trained on
    assert len(fitted.task.data.train) == 80  # type: ignore[attr-defined]
    assert f"for the {chosen} epochs chosen" in " ".join(watch.notes)


@pytest.mark.parametrize("kill", [("select", 2), ("refit", 1)])
def test_a_refit_that_was_killed_ends_the_same(tmp_path: Path, kill: tuple[str, int]) -> None:
    expected = refit(tmp_path / "whole")
    with pytest.raises(Killed):
        refit(tmp_path / "killed", Watch(kill))
    resumed = graphcl.resume(tmp_path / "killed")
    assert resumed is not None
    assert same(resumed.embeddings, expected.embeddings)
    assert resumed.metrics == expected.metrics
    protocols = [(tmp_path / run / "protocol.json").read_text() for run in ("whole", "killed")]
    assert len({text[text.index('"best_epoch"') :].split(",")[0] for text in protocols}) == 1


# --- an earlier run --------------------------------------------------------------------------------


def grown() -> Interactions:
    """The same users and items in another order, two of them gone, and new ones."""
    data = interactions(train=1)
    users = ["new1", *[f"u{i}" for i in reversed(range(2, 12))], "new2"]
    items = [*[f"i{i}" for i in reversed(range(1, 15))], "fresh"]
    return replace(data, users=Ids.of(users), items=Ids.of(items))


def rows_of(data: Interactions, embeddings: Mapping[str, Tensor], user: str) -> Tensor:
    return embeddings["user"][int(data.users.index_of([user])[0])]


def test_a_run_starts_from_an_earlier_one_by_id(tmp_path: Path) -> None:
    first = graphcl.fit(tiny_recipe("bpr_mf"), data=interactions(), out=tmp_path / "first")
    watch = Watch()
    still = tiny_recipe("bpr_mf", f"train.init_from={tmp_path / 'first'}", "train.lr=1e-30", "~regularizers=l2")
    second = graphcl.fit(still, data=grown(), observers=[watch])
    data = second.task.data  # type: ignore[attr-defined]
    for user in ("u2", "u7", "u11"):
        assert torch.equal(rows_of(data, second.embeddings, user), rows_of(interactions(), first.embeddings, user))
    for node_type, ids in (("user", ("new1", "new2")), ("item", ("fresh",))):
        table = getattr(data, f"{node_type}s")
        assert (table.index_of(ids) >= len(first.embeddings[node_type])).all()
        assert bool(second.embeddings[node_type][table.index_of(ids)].abs().sum() > 0)
    assert any("3 new rows keep their random start" in note for note in watch.notes)


def test_an_earlier_run_is_where_training_goes_on(tmp_path: Path) -> None:
    graphcl.fit(tiny_recipe("lightgcn"), data=interactions(), out=tmp_path / "first")
    options = (f"train.init_from={tmp_path / 'first'}", "train.epochs=1")
    warm = graphcl.fit(tiny_recipe("lightgcn", *options), data=grown())
    cold = graphcl.fit(tiny_recipe("lightgcn", "train.epochs=1"), data=grown())
    assert not torch.equal(warm.embeddings["user"][:12], cold.embeddings["user"][:12])


def test_an_earlier_run_of_another_width_is_refused(tmp_path: Path) -> None:
    graphcl.fit(tiny_recipe("bpr_mf"), data=interactions(), out=tmp_path / "first")
    wide = tiny_recipe("bpr_mf", f"train.init_from={tmp_path / 'first'}", "encoder.dim=9")
    with pytest.raises(UserError, match=r"train\.init_from: no parameter of .* fits this recipe"):
        graphcl.fit(wide, data=interactions())
    with pytest.raises(UserError, match=r"'train.init_from': nowhere does not exist"):
        graphcl.fit(tiny_recipe("bpr_mf", "train.init_from=nowhere"), data=interactions())
    with pytest.raises(UserError, match="is not a run"):
        graphcl.fit(tiny_recipe("bpr_mf", f"train.init_from={tmp_path}"), data=interactions())


def test_a_refit_starts_from_the_earlier_run_too(tmp_path: Path) -> None:
    graphcl.fit(tiny_recipe("bpr_mf"), data=interactions(), out=tmp_path / "first")
    still = tiny_recipe("bpr_mf", f"train.init_from={tmp_path / 'first'}", "train.lr=1e-30", "~regularizers=l2",
                        "data.split.valid=refit")
    fitted = graphcl.fit(still, data=interactions(valid="refit"))
    tensors, _ = checkpoint.read(RunFolder(tmp_path / "first").best)
    assert torch.equal(fitted.model.state_dict()["towers.main.tables.user"], tensors["model/towers.main.tables.user"])


# --- what cannot be used ---------------------------------------------------------------------------


def test_data_that_cannot_be_read_leave_no_folder(tmp_path: Path) -> None:
    recipe = tiny_recipe("lightgcn").override(f"data.path={tmp_path / 'absent.csv'}")
    with pytest.raises(UserError, match="absent"):
        graphcl.fit(recipe, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match=r"train\.device: 'warp' is not a device"):
        graphcl.fit(tiny_recipe("lightgcn", "train.device=warp"), data=interactions())


def test_an_empty_train_part_is_refused() -> None:
    nothing = Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64))
    with pytest.raises(UserError, match="no training interactions"):
        graphcl.fit(tiny_recipe("lightgcn"), data=replace(interactions(), train=nothing))


def test_what_cannot_be_trained_leaves_no_folder_behind(tmp_path: Path) -> None:
    recipe = tiny_recipe("lightgcn").override("train.monitor=ndcg@7")  # which only a run's beginning looks at
    with pytest.raises(UserError, match="no metric 'ndcg@7'; nearest: 'ndcg@"):
        graphcl.fit(recipe, out=tmp_path / "run", data=interactions())
    assert not (tmp_path / "run").exists()


def test_a_run_killed_before_it_began_says_so_and_can_be_replaced(tmp_path: Path) -> None:
    recipe = tiny_recipe("lightgcn")
    run = RunFolder.create(tmp_path / "run", recipe)
    run.config.unlink()
    (run.path / ".metrics.json.x.tmp").write_text("cut off")
    (run.path / ".data.x.tmp").mkdir()
    with pytest.raises(UserError, match="killed before it began; start it again with --overwrite"):
        graphcl.resume(run.path)
    assert not list(run.path.glob(".*.tmp"))
    graphcl.fit(recipe, out=run.path, data=interactions(), overwrite=True)
    assert run.complete
