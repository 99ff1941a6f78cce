"""What training ends with: judged once on test beside the baselines, and the record of the run."""

from __future__ import annotations

import resource
import time
from typing import Any

import torch
from torch import Tensor

from graphcl.core.config.recipe import Recipe
from graphcl.core.files import write_json
from graphcl.engine.embed import embed, embed_untrained, save_embeddings
from graphcl.engine.fitted import Fitted
from graphcl.engine.observe import collapse_indicators
from graphcl.engine.run import RunFolder
from graphcl.engine.training import Training
from graphcl.tasks.base import Task


def finish(
    training: Training, run: RunFolder | None, valid: dict[str, float], best: int, began: tuple[float, float]
) -> Fitted:
    """Judge the trained parts on test, and complete the run.

    Args:
        training: Over, with the best parameters.
        run: Where everything is written; None for nowhere.
        valid: Metrics of the best epoch on validation.
        best: The best epoch.
        began: Seconds by the clock and of CPU when the fit began.
    """
    task, ranks = training.task, training.ranks
    if not ranks.first:
        ranks.wait(training.device)
        return Fitted(training, {}, {})
    if getattr(task, "judges", True):
        training.observer.note("judging on test, beside the baselines")
    embeddings = embed(training.model, training.views, task, "test")
    metrics = _judge(training, embeddings, valid)
    if run is not None:
        write_json(run.path / "protocol.json", _record(training, best, began))
        save_embeddings(run.embeddings, embeddings)
        write_json(run.metrics, {**metrics, **_protocol(task)})
        run.set_status("complete")
    ranks.wait(training.device)
    return Fitted(training, embeddings, metrics)


def _judge(training: Training, embeddings: dict[str, Tensor], valid: dict[str, float]) -> dict[str, float]:
    """Flat metrics: ``valid/...``, ``test/...`` and ``baseline/NAME/...``."""
    task, seed = training.task, training.seed
    if training.by_loss and task.has_validation:  # validation chose nothing, and is judged for the record
        valid = task.evaluate(embed(training.model, training.views, task, "valid"), "valid", seed=seed)
    test = {**task.evaluate(embeddings, "test", seed=seed), **collapse_indicators(embeddings)}
    metrics = {f"valid/{name}": value for name, value in valid.items()}
    metrics |= {f"test/{name}": value for name, value in test.items()}
    return metrics | judge_baselines(training.recipe, task, device=training.device)


def _record(training: Training, best: int, began: tuple[float, float]) -> dict[str, Any]:
    """How the figures of a run came about, and what they cost."""
    progress = training.progress
    return {
        **training.task.describe(),
        **_claims(training),
        "monitor": training.recipe["train.monitor"],
        "seed": training.seed,
        "best_epoch": best,
        "parameters": sum(p.numel() for p in training.model.trainable().values()),
        "epochs": progress.epoch,
        "updates": progress.updates,
        "targets": progress.targets,
        "seconds": round(time.perf_counter() - began[0], 2),
        "cpu_seconds": round(time.process_time() - began[1], 2),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "processes": training.ranks.count,
    }


def judge_baselines(recipe: Recipe, task: Task, *, device: torch.device) -> dict[str, float]:
    """Flat test metrics of the task's baselines, and of the recipe's own parts before training where it wants them."""
    seed = recipe["train.seed"]
    found = task.baselines(seed=seed)
    if getattr(task, "random_encoder", False):
        embeddings = embed_untrained(recipe, task, seed=seed, device=device)
        found["random_encoder"] = task.evaluate(embeddings, "test", seed=seed)
    return {f"baseline/{name}/{key}": value for name, values in found.items() for key, value in values.items()}


def _claims(training: Training) -> dict[str, Any]:
    """What parts say of themselves where that needs saying: terms (bounds, and for what they hold), and augmenters that
    read texts (who spoke); and which view is embedded."""
    model, block = training.model, training.recipe["embed"]
    embedded = ", ".join(block["latents"]) or (f"view {block['view']}" if block["view"] else "the graph as it is")
    said = {label: model.term(label).describe() for label in model.terms}
    trained = {name: part.describe() for name, part in model.augmenters.items() if hasattr(part, "describe")}  # type: ignore[operator]
    return {
        "terms": {label: claims for label, claims in said.items() if claims},
        "augmenters": {**trained, **training.views.describe()},
        "embedded": embedded,
    }


def _protocol(task: Task) -> dict[str, str]:
    """In one line, so that figures that are copied out of a run still say how they were measured."""
    line = task.describe().get("protocol")
    return {"protocol": line} if line else {}
