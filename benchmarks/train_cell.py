"""A cell that trains a recipe and returns its metrics."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.cells import ROOT, data_root

if TYPE_CHECKING:
    from graphcl.core.config.recipe import Recipe
    from graphcl.engine.fitted import Fitted


def train(
    recipe: str,
    overrides: list[str],
    plugins: bool = False,
    log: bool = False,
    split_seed: int | None = None,
    per_user: Sequence[str] = (),
    beside: Sequence[str] = (),
    keep: str = "",
) -> dict[str, Any]:
    """Train in this process; metrics and protocol.

    Args:
        recipe: Its name.
        overrides: As on the command line.
        plugins: Allow the recipe's plugins.
        log: Add the records of the epochs (terms, validation).
        split_seed: Draw the split from this seed in the place of ``train.seed``.
        per_user: Test metrics to add for each user, for the model and the baselines ``beside`` (paired tests).
        beside: Names of these baselines.
        keep: Name of a folder under ``runs/benchmarks`` that is kept, so that a killed cell goes on in mid-training.
    """
    import graphcl

    began = time.perf_counter()
    loaded = graphcl.load(recipe, *overrides, allow_plugins=plugins)
    with tempfile.TemporaryDirectory() as temporary:
        out = ROOT / "runs" / "benchmarks" / keep if keep else Path(temporary) / "run"
        resumed = (out / "run.json").is_file()
        # resume gives None where the run was complete, but its cell was killed before the record was written
        fitted = graphcl.resume(out, allow_plugins=plugins) if resumed else _fit(loaded, out, split_seed)
        metrics = json.loads((out / "metrics.json").read_text())
        protocol = json.loads((out / "protocol.json").read_text())
        lines = (out / "log.jsonl").read_text().splitlines() if log else []
    record: dict[str, Any] = {
        "recipe": recipe, "overrides": overrides, "split_seed": split_seed, "metrics": metrics,
        "protocol": protocol, "fit_s": round(time.perf_counter() - began, 2), "resumed": resumed,
    }
    if log:
        record["log"] = [json.loads(line) for line in lines]
    if per_user and fitted is not None:
        record["per_user"] = per_user_values(fitted, per_user, beside)
    return record


def _fit(recipe: Recipe, out: Path, split_seed: int | None) -> Fitted:
    import graphcl

    data = None
    if split_seed is not None:
        from graphcl.engine.prepare import load_data

        data = load_data(recipe.override(f"train.seed={split_seed}"), data_root=_root())
    return graphcl.fit(recipe, out=out, data=data, data_root=_root())


def _root() -> Path | None:
    root = data_root()
    return Path(root) if root else None


def per_user_values(
    fitted: Fitted, metrics: Sequence[str], baselines: Sequence[str]
) -> dict[str, dict[str, list[float]]]:
    """``model`` or the baseline's name -> metric -> value of each test user, users in one order."""
    task: Any = fitted.task
    rankings = {"model": task.rank_embeddings(fitted.embeddings, "test", seed=fitted.recipe["train.seed"])}
    rankings |= {name: task.results[name].ranking for name in baselines}
    return {
        name: {metric: [round(value, 6) for value in ranking.per_user()[metric].tolist()] for metric in metrics}
        for name, ranking in rankings.items()
    }
