from __future__ import annotations

import errno
import os
import resource
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from graphcl.core.errors import NonFiniteError, UserError
from graphcl.engine import checkpoint
from graphcl.engine.checkpoint import Progress
from graphcl.engine.run import RunFolder
from graphcl.engine.training import Training

from .toy import RECIPE, same, toy_recipe, toy_training, weights

GROWING = RECIPE + 'states: {seen: {toy_growing: {rows: "a.nodes[batch]"}}}\n'


@pytest.fixture
def trained(tmp_path: Path) -> Training:
    training = toy_training(toy_recipe(tmp_path, GROWING), validate=False)
    training.train()
    return training


def optimizers(training: Training) -> dict[str, torch.optim.Optimizer]:
    return {phase.name: phase.optimizer for phase in training.phases}


def test_round_trip_of_parameters_states_optimizer_and_counters(trained: Training, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "c", trained.model, trained.progress, optimizers(trained))
    tensors, progress = checkpoint.read(tmp_path / "c")
    assert progress == trained.progress
    fresh = toy_training(trained.recipe, validate=False)
    assert len(fresh.model.states["seen"].means) == 0
    checkpoint.restore(tensors, fresh.model, optimizers(fresh))
    assert same(weights(fresh), weights(trained))
    assert len(fresh.model.states["seen"].means) == 9  # the buffer had grown
    before, after = (o["main"].state_dict()["state"][0] for o in (optimizers(trained), optimizers(fresh)))
    assert before.keys() == after.keys() == {"step", "exp_avg", "exp_avg_sq"}
    assert same(before, after)
    assert float(after["step"]) == 9


def test_a_restored_training_takes_the_same_next_step(trained: Training, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "c", trained.model, trained.progress, optimizers(trained))
    fresh = toy_training(trained.recipe, validate=False)
    tensors, fresh.progress = checkpoint.read(tmp_path / "c")
    checkpoint.restore(tensors, fresh.model, optimizers(fresh))
    for training in (trained, fresh):
        training.progress.limit += 1
        training.train()
    assert same(weights(fresh), weights(trained))


def test_tensors_that_share_memory_are_all_kept(tmp_path: Path) -> None:
    model = torch.nn.Module()
    shared = torch.arange(6.0)
    model.register_buffer("a", shared)
    model.register_buffer("b", shared[:3])
    checkpoint.save(tmp_path / "c", model, Progress())
    tensors, _ = checkpoint.read(tmp_path / "c")
    assert tensors["model/a"].tolist() == [0, 1, 2, 3, 4, 5]
    assert tensors["model/b"].tolist() == [0, 1, 2]


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"there is no checkpoint {tmp_path}/c"):
        checkpoint.read(tmp_path / "c")


@pytest.mark.parametrize("keep", [0, 5, 8, 100, -1])
def test_a_truncated_checkpoint_is_one_clear_error(trained: Training, tmp_path: Path, keep: int) -> None:
    path = tmp_path / "c"
    checkpoint.save(path, trained.model, trained.progress)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match="is damaged or not a checkpoint") as error:
        checkpoint.read(path)
    assert "\n" not in str(error.value)


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a checkpoint at all, but long enough for a header")
    with pytest.raises(UserError, match="is damaged or not a checkpoint"):
        checkpoint.read(tmp_path / "text")
    save_file({"x": torch.zeros(2)}, tmp_path / "other")
    with pytest.raises(UserError, match="is not a graphcl checkpoint"):
        checkpoint.read(tmp_path / "other")
    save_file({"x": torch.zeros(2)}, tmp_path / "old", metadata={"graphcl": '{"format": 99}'})
    with pytest.raises(UserError, match="checkpoint format 99, this version reads 1"):
        checkpoint.read(tmp_path / "old")
    for header in ("[]", "{broken", '{"format": 1}', '{"format": 1, "progress": {"unknown": 1}}'):
        save_file({"x": torch.zeros(2)}, tmp_path / "bad", metadata={"graphcl": header})
        with pytest.raises(UserError, match="is damaged or not a checkpoint"):
            checkpoint.read(tmp_path / "bad")


def test_a_checkpoint_of_another_recipe_or_data_names_what_does_not_fit(trained: Training, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "c", trained.model, trained.progress)
    tensors, _ = checkpoint.read(tmp_path / "c")
    wider = toy_training(trained.recipe.override("encoder.dim=5"))
    with pytest.raises(UserError, match=r"does not fit the recipe: size mismatch for towers\.main\.weight"):
        checkpoint.restore(tensors, wider.model)
    other = toy_training(toy_recipe(tmp_path, RECIPE + "heads: {proj: toy_head}"))
    with pytest.raises(UserError, match=r"'(heads\.proj\.weight|states\.seen\.means)' is only in one of them"):
        checkpoint.restore(tensors, other.model)


def test_a_full_disk_leaves_the_old_checkpoint(
    trained: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c"
    checkpoint.save(path, trained.model, Progress(step=1))
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=rf"cannot write {path}: No space left on device"):
        checkpoint.save(path, trained.model, Progress(step=2))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


def test_a_disk_that_fills_while_tensors_are_written(trained: Training, tmp_path: Path) -> None:
    """The tensors' own writer meets the limit, before our fsync."""
    path, limits = tmp_path / "c", resource.getrlimit(resource.RLIMIT_FSIZE)
    checkpoint.save(path, trained.model, Progress(step=1))
    before = path.read_bytes()
    trained.model.register_buffer("large", torch.zeros(10_000))
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 1000, limits[1]))
    try:
        with pytest.raises(UserError, match=rf"cannot write {path}: File too large$"):
            checkpoint.save(path, trained.model, Progress(step=2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


def test_a_nan_leaves_the_last_good_checkpoint(tmp_path: Path) -> None:
    text = GROWING.replace("}}]\n", "}}, {toy_nan: {x: 'a.nodes[batch]', at: 7}}]\n")
    recipe = toy_recipe(tmp_path, text)
    run = RunFolder.create(tmp_path / "run", recipe)
    with pytest.raises(NonFiniteError, match=r"at epoch 3, step 8.*; the last good checkpoint is kept$"):
        toy_training(recipe, run).train()
    tensors, progress = checkpoint.read(run.last)
    assert (progress.epoch, progress.step) == (2, 6)
    assert all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values())


def test_a_nan_before_any_checkpoint_tells_of_none(tmp_path: Path) -> None:
    recipe = toy_recipe(tmp_path, GROWING.replace("}}]\n", "}}, {toy_nan: {x: 'a.nodes[batch]', at: 0}}]\n"))
    with pytest.raises(NonFiniteError, match=r"at epoch 1, step 1 .*raise the temperature$"):
        toy_training(recipe, RunFolder.create(tmp_path / "run", recipe)).train()
