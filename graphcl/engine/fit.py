"""From a recipe to a finished run: data, training, evaluation once on test."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from graphcl.core.config.recipe import Recipe
from graphcl.core.errors import ConfigError, GraphCLError
from graphcl.core.launched import is_first
from graphcl.core.tell import telling
from graphcl.engine import checkpoint
from graphcl.engine.checkpoint import Progress
from graphcl.engine.distributed import Ranks
from graphcl.engine.finish import finish
from graphcl.engine.fitted import Fitted
from graphcl.engine.launch import join
from graphcl.engine.observe import Observer, Observers, TensorBoard
from graphcl.engine.prepare import load_data, make_task, set_up, stored_data
from graphcl.engine.run import RunFolder, changed_environment
from graphcl.engine.surroundings import propagation
from graphcl.engine.training import Training
from graphcl.engine.warm_start import align_data, warm_start


def fit(
    recipe: Recipe,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    data: Any = None,
    data_root: str | Path | None = None,
    observers: Sequence[Observer] = (),
) -> Fitted:
    """Train a recipe, choose the best epoch on validation, and evaluate once on test.

    Args:
        recipe: From :func:`graphcl.load`.
        out: Folder of the run; None writes nothing.
        overwrite: Replace a run that is already there.
        data: Loaded data in the place of what the recipe names.
        data_root: Folder where data sets are looked up first.
        observers: What watches.

    Returns:
        The trained parts, embeddings and metrics.

    Raises:
        GraphCLError: anything a user can get wrong, in one line.
    """
    if missing := [line for line in recipe.missing_paths() if "'data.path'" not in line]:  # its reader says more
        raise ConfigError(missing)
    device = set_up(recipe)
    ranks = join(device)
    run = _create(out, recipe, overwrite, ranks, device) if out is not None else None
    try:
        if data is None:
            data = _read_data(recipe, data_root, ranks, device)
        data = align_data(data, recipe["train.init_from"])
        if run is not None and ranks.first and hasattr(data, "save"):
            data.save(run.data)
        with propagation(recipe["train.backend"]):
            return _fit(recipe, data, run, device, observers, ranks)
    except (GraphCLError, PermissionError):
        if run is not None and ranks.first and not run.last.is_file():
            shutil.rmtree(run.path, ignore_errors=True)  # nothing to resume, so nothing half-written
        raise


def _create(out: str | Path, recipe: Recipe, overwrite: bool, ranks: Ranks, device: torch.device) -> RunFolder:
    """The folder that the first rank makes; the others read there what it wrote."""

    def create() -> str:
        return str(RunFolder.create(out, recipe, overwrite=overwrite).path)

    return RunFolder(ranks.from_first(create, device))


def _read_data(recipe: Recipe, data_root: str | Path | None, ranks: Ranks, device: torch.device) -> Any:
    with ranks.first_then_others(device):  # so that nothing is downloaded twice
        return load_data(recipe, data_root=Path(data_root) if data_root else None)


def resume(
    path: str | Path,
    *,
    allow_plugins: bool = False,
    data_root: str | Path | None = None,
    observers: Sequence[Observer] = (),
) -> Fitted | None:
    """Go on with a run that was stopped or killed, to the result it would have had.

    Args:
        path: Folder of the run.
        allow_plugins: Whether modules that its recipe names may be imported.
        data_root: Folder where data sets are looked up, for a run that was killed before it kept its data.
        observers: What watches.

    Returns:
        As :func:`fit`; None when the run is complete already.
    """
    run = RunFolder.open(path)
    if run.complete:
        return None
    if is_first():
        run.sweep()
    recipe = run.recipe(allow_plugins=allow_plugins)
    device = set_up(recipe)
    ranks = join(device)
    watch = Observers(observers)
    for change in changed_environment(run):
        watch.note(f"not what the run began with, so results may differ in the last bits ({change})")
    data = stored_data(recipe, run)
    if data is None:
        data = align_data(_read_data(recipe, data_root, ranks, device), recipe["train.init_from"])
        if ranks.first and hasattr(data, "save"):
            data.save(run.data)
    with propagation(recipe["train.backend"]):
        return _fit(recipe, data, run, device, observers, ranks)


def _fit(
    recipe: Recipe,
    data: Any,
    run: RunFolder | None,
    device: torch.device,
    observers: Sequence[Observer],
    ranks: Ranks,
) -> Fitted:
    watchers = list(observers) if ranks.first else []
    if run is not None and ranks.first:
        watchers.append(TensorBoard(run.tensorboard))
    watch = Observers(watchers)
    began = time.perf_counter(), time.process_time()
    task = make_task(recipe, data)
    read = data.report.lines() if hasattr(data, "report") else []
    for line in dict.fromkeys([*read, *task.describe().get("notes", [])]):
        watch.note(line)
    with telling(watch.note):  # parts that read texts take long to make
        training = Training(recipe, task, observer=watch, run=run, device=device, ranks=ranks)
    chosen = _stored_progress(run)
    ranks.wait(device)  # until everyone has looked, before anything new is stored
    if chosen is None or chosen.stage == "select":
        _begin(training, watch)
        chosen = training.train()
    best = chosen.best_epoch if chosen.stage == "select" else chosen.limit
    valid = _at_best(chosen.history, best)
    split = recipe["data"].get("split")
    if isinstance(split, Mapping) and split.get("valid") == "refit":
        training = _refit(recipe, data, run, device, watch, best, chosen.history, ranks)
    return finish(training, run, valid, best, began)


def _begin(training: Training, watch: Observer) -> None:
    """From the last checkpoint; where there is none, from an earlier run's parameters if the recipe names one."""
    init_from = training.recipe["train.init_from"]
    if not training.restore() and init_from:
        watch.note(warm_start(training.model, training.task, init_from))


def _stored_progress(run: RunFolder | None) -> Progress | None:
    if run is None or not run.last.is_file():
        return None
    return checkpoint.read(run.last)[1]


def _refit(
    recipe: Recipe,
    data: Any,
    run: RunFolder | None,
    device: torch.device,
    watch: Observer,
    epochs: int,
    history: list[dict[str, float]],
    ranks: Ranks,
) -> Training:
    """Train once more, on train and validation together, for as many epochs as validation chose."""
    watch.note(f"refit: training on the whole train part for the {epochs} epochs chosen on validation")
    task = make_task(recipe, data.refit())
    training = Training(recipe, task, observer=watch, run=run, device=device, stage="refit", epochs=epochs,
                        validate=False, ranks=ranks)
    training.progress.history = list(history)
    _begin(training, watch)
    training.train()
    return training


def _at_best(history: list[dict[str, float]], epoch: int) -> dict[str, float]:
    for record in history:
        if record["epoch"] == epoch:
            return {key: value for key, value in record.items() if key != "epoch"}
    return {}
