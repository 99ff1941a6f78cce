"""From a recipe to a finished run: data, training, evaluation once on test."""

from __future__ import annotations

import json
import resource
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphcl.core.build import build
from graphcl.core.config.recipe import Recipe
from graphcl.core.errors import GraphCLError, UserError
from graphcl.core.files import write_json
from graphcl.core.launched import is_first
from graphcl.core.registry import resolve
from graphcl.engine import checkpoint
from graphcl.engine.checkpoint import Progress
from graphcl.engine.distributed import Ranks
from graphcl.engine.embed import embed, embed_untrained, save_embeddings
from graphcl.engine.launch import join, own_device
from graphcl.engine.model import Model
from graphcl.engine.observe import Observer, Observers, TensorBoard, collapse_indicators
from graphcl.engine.run import RunFolder, changed_environment
from graphcl.engine.surroundings import propagation
from graphcl.engine.training import Training
from graphcl.engine.warm_start import align_data, warm_start
from graphcl.tasks.base import Task


class Fitted:
    """What a fit returns: the trained parts and what they gave, as plain objects.

    Attributes:
        recipe: The recipe.
        task: The task, with its data.
        model: The parts, with the best parameters.
        embeddings: Node type -> [N, d] ("" for a homogeneous graph); of several processes only the first one's has any.
        metrics: Flat, as in ``metrics.json``; likewise.
        best_epoch: Epoch (1-based) whose parameters were kept.
        path: The run's folder, or None when nothing was written.
        notes: What a person should know of the data and the protocol, one sentence each (:func:`graphcl.fit`).
    """

    def __init__(self, training: Training, embeddings: dict[str, Tensor], metrics: dict[str, float]) -> None:
        self.recipe, self.task, self.model = training.recipe, training.task, training.model
        self.embeddings, self.metrics = embeddings, metrics
        self.best_epoch = training.progress.best_epoch
        self.path: Path | None = training.run.path if training.run else None
        self.notes: list[str] = []

    def embed(self, graph: Any = None, node_type: str | None = None) -> Tensor:
        """Embeddings [N, d] of the graph that was trained on, or of a new one.

        Args:
            graph: A new graph of any library (or several, for the task `graph`); it needs the features that were
                trained on.
            node_type: Which rows, where there are several types of nodes.

        Raises:
            UserError: a new graph without these features, or whose nodes the recipe cannot know; no such type.
        """
        from graphcl.engine.unseen import embed_unseen

        found = self.embeddings
        if graph is not None:
            found, _ = embed_unseen(self.model, self.task.data, given=graph)  # type: ignore[attr-defined]
        if node_type is None and len(found) == 1:
            return next(iter(found.values()))
        if node_type not in found:
            raise UserError(f"node_type: {node_type!r}; this run embeds {', '.join(found)}")
        return found[node_type]


def load_data(recipe: Recipe, *, data_root: Path | None = None) -> Any:
    """Read and split the recipe's data."""
    part = resolve("task", recipe["task"]).meta["data"]
    return build("data", part, recipe["data"], data_root=data_root).load(seed=recipe["train.seed"])


def make_task(recipe: Recipe, data: Any) -> Task:
    """The recipe's task over loaded data."""
    return build("task", recipe["task"], recipe["eval"], data=data)


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
    except GraphCLError:
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


def stored_data(recipe: Recipe, run: RunFolder) -> Any:
    """The data a run keeps, or None where it keeps none."""
    part = resolve("data", resolve("task", recipe["task"]).meta["data"])
    read = getattr(part.cls, "read", None)
    return read(run.data) if read is not None and run.data.is_dir() else None


def set_up(recipe: Recipe) -> torch.device:
    """Threads and device of a recipe.

    Raises:
        UserError: the device does not exist here.
        MissingExtra: see :func:`propagation`.
    """
    propagation(recipe["train.backend"])  # refused before any data is read
    if recipe["train.threads"]:
        torch.set_num_threads(recipe["train.threads"])
    name = recipe["train.device"]
    if name == "auto":
        return own_device(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"train.device: {name!r} is not a device; known: auto, cpu, cuda, cuda:N") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UserError(f"train.device: {name!r} asked for, but torch sees no CUDA device here; use cpu or auto")
    return own_device(device)


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
    training = Training(recipe, task, observer=watch, run=run, device=device, ranks=ranks)
    chosen = _stored_progress(run)
    ranks.wait(device)  # until everyone has looked, before anything new is stored
    if chosen is None or chosen.stage == "select":
        _begin(training, watch)
        chosen = training.train()
    best = chosen.best_epoch if chosen.stage == "select" else chosen.limit
    valid = _at_best(chosen.history, best)
    if recipe["data"].get("split", {}).get("valid") == "refit":
        training = _refit(recipe, data, run, device, watch, best, chosen.history, ranks)
    return _finish(training, run, valid, best, began)


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


def _finish(
    training: Training, run: RunFolder | None, valid: dict[str, float], best: int, began: tuple[float, float]
) -> Fitted:
    recipe, task, seed, ranks = training.recipe, training.task, training.seed, training.ranks
    if not ranks.first:
        ranks.wait(training.device)
        return Fitted(training, {}, {})
    training.observer.note("judging on test, beside the baselines")
    if training.by_loss and task.has_validation:  # validation chose nothing, and is judged for the record
        valid = task.evaluate(embed(training.model, training.views, task, "valid"), "valid", seed=seed)
    embeddings = embed(training.model, training.views, task, "test")
    metrics = {f"valid/{name}": value for name, value in valid.items()}
    metrics |= {f"test/{name}": value for name, value in task.evaluate(embeddings, "test", seed=seed).items()}
    metrics |= {f"test/{name}": value for name, value in collapse_indicators(embeddings).items()}
    metrics |= judge_baselines(recipe, task, device=training.device)
    if run is not None:
        progress = training.progress
        write_json(run.path / "protocol.json", {
            **task.describe(), **_claims(training.model), "monitor": recipe["train.monitor"], "seed": seed,
            "best_epoch": best,
            "parameters": sum(p.numel() for p in training.model.trainable().values()),
            "epochs": progress.epoch, "updates": progress.updates, "targets": progress.targets,
            "seconds": round(time.perf_counter() - began[0], 2),
            "cpu_seconds": round(time.process_time() - began[1], 2),
            "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "processes": ranks.count,
        })
        save_embeddings(run.embeddings, embeddings)
        write_json(run.metrics, {**metrics, **_protocol(task)})
        run.set_status("complete")
    ranks.wait(training.device)
    return Fitted(training, embeddings, metrics)


def judge_baselines(recipe: Recipe, task: Task, *, device: torch.device) -> dict[str, float]:
    """Flat test metrics of the task's baselines, and of the recipe's own parts before training where it wants them."""
    seed = recipe["train.seed"]
    found = task.baselines(seed=seed)
    if getattr(task, "random_encoder", False):
        embeddings = embed_untrained(recipe, task, seed=seed, device=device)
        found["random_encoder"] = task.evaluate(embeddings, "test", seed=seed)
    return {f"baseline/{name}/{key}": value for name, values in found.items() for key, value in values.items()}


def _claims(model: Model) -> dict[str, Any]:
    """What terms say of the values that they give, where that needs saying (bounds, and for what they hold)."""
    said = {label: model.term(label).describe() for label in model.terms}
    return {"terms": {label: claims for label, claims in said.items() if claims}}


def _protocol(task: Task) -> dict[str, str]:
    """In one line, so that figures that are copied out of a run still say how they were measured."""
    line = task.describe().get("protocol")
    return {"protocol": line} if line else {}


def read_log(run: RunFolder) -> list[dict[str, Any]]:
    """The records of ``log.jsonl``, one per epoch."""
    if not run.log.is_file():
        return []
    return [json.loads(line) for line in run.log.read_text(encoding="utf-8").splitlines() if line]
