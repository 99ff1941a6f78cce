"""A finished run, opened: its recipe, data, task and embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphcl.core.config.recipe import Recipe
from graphcl.core.errors import UserError
from graphcl.core.files import read_json
from graphcl.engine.embed import embed, load_embeddings
from graphcl.engine.finish import judge_baselines
from graphcl.engine.prepare import load_data, make_task, set_up, stored_data
from graphcl.engine.run import RunFolder
from graphcl.engine.unseen import embed_unseen, load_model
from graphcl.engine.views import Views
from graphcl.tasks.base import Task


@dataclass(frozen=True)
class OpenedRun:
    """What a finished run knows.

    Attributes:
        folder: Where it lies.
        recipe: What it was trained by.
        data: What it was trained on, as it was at the end (validation joined to train after a refit).
        task: The task over that data.
        embeddings: Node type -> [N, d] ("" for a homogeneous graph).
    """

    folder: RunFolder
    recipe: Recipe
    data: Any
    task: Task
    embeddings: Mapping[str, Tensor]

    @property
    def seed(self) -> int:
        """Of the run: what its evaluation used."""
        return int(self.recipe["train.seed"])

    def chosen_elsewhere(self) -> str:
        """A sentence where this evaluation has no split that the run's epochs were chosen on, else ""."""
        before = self.record()
        own = [split["hash"] for split in before.get("splits", [])]
        now = [split["hash"] for split in self.task.describe().get("splits", [])]
        if not own or not now or now[: len(own)] == own:
            return ""
        return (
            f"best epoch {before['best_epoch']} of {before['epochs']} was chosen on the validation nodes of the run's "
            f"own split (hash {own[0][:12]}), some of which are judged here"
        )

    def record(self) -> dict[str, Any]:
        """What the run says of itself: ``protocol.json``."""
        found: dict[str, Any] = read_json(self.folder.path / "protocol.json")
        return found

    def judge_baselines(self) -> dict[str, float]:
        """``baseline/NAME/METRIC`` -> value on test, tuned anew on validation."""
        return judge_baselines(self.recipe, self.task, device=set_up(self.recipe))

    def embed_unseen(
        self, given: Any = None, *, options: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Tensor], Any]:
        """Embeddings of new nodes or graphs, and the data with their ids.

        Args:
            given: A graph in memory.
            options: Options of the run's data part that differ: ``{"path": "nodes.csv,edges.csv"}``.

        Raises:
            UserError: the run can only embed what it was trained on, or the features are not those it knows.
        """
        return embed_unseen(load_model(self.folder, self.recipe, self.task), self.data, given=given, options=options)


def open_run(
    path: str | Path,
    *,
    evaluation: Sequence[str] = (),
    probe: str = "",
    probe_options: Sequence[str] = (),
    splits: int | None = None,
    split: str = "",
    view: Sequence[str] = (),
    allow_plugins: bool = False,
    data_root: Path | None = None,
) -> OpenedRun:
    """Open a finished run.

    Args:
        path: Its folder.
        evaluation: ``eval.key=value`` settings that differ from those it was trained with.
        probe: Probe in place of the run's own, with its default options.
        probe_options: ``key=value`` options of the probe.
        splits: Number of splits that are averaged over; 0: all that came with the data.
        split: Family of splits of the labelled nodes in place of the run's own: random, public or given.
        view: ``augmenter.option=value`` settings of the view that is embedded, where they differ.
        allow_plugins: Whether modules that its recipe names may be imported.
        data_root: Where data sets are looked up, for a run that keeps no data.

    Raises:
        UserError: no run, not finished, damaged, or a setting that is not of evaluation.
    """
    folder = RunFolder.open(path)
    if not folder.complete:
        raise UserError(f"{path} is not finished; go on with it by: graphcl resume {path}")
    trained = recipe = folder.recipe(allow_plugins=allow_plugins)
    for assignment in evaluation:
        if not assignment.lstrip("+~").startswith("eval."):
            raise UserError(f"{assignment!r}: only eval.* can differ from what {path} was trained with")
    asked = [*evaluation, *_judged_by(recipe, probe, probe_options, splits), *_seen_in(recipe, view)]
    recipe = recipe.override(*asked) if asked else recipe
    data = stored_data(recipe, folder)
    if data is None:
        data = load_data(recipe, data_root=data_root)
    if getattr(data, "wants_refit", False):
        data = data.refit()
    if split:
        if not hasattr(data, "with_split"):
            raise UserError(f"--split: the task {recipe['task']!r} has no labelled nodes to split")
        data = data.with_split(split)
    task = make_task(recipe, data)
    embeddings: Mapping[str, Tensor] = load_embeddings(folder.embeddings)
    if view or any(recipe[f"eval.{key}"] != trained[f"eval.{key}"] for key in getattr(task, "embedded_by", ())):
        views = Views(recipe, task, seed=recipe["train.seed"], device=torch.device("cpu"))
        embeddings = embed(load_model(folder, recipe, task), views, task, "test")
    return OpenedRun(folder, recipe, data, task, embeddings)


def _seen_in(recipe: Recipe, settings: Sequence[str]) -> list[str]:
    """Settings of augmenters of the embedded view, as overrides of the recipe."""
    name = recipe["embed.view"]
    if settings and not name:
        raise UserError("the run embeds what it was trained on as it is; only one with embed.view has a view to set")
    known = recipe["views"][name]["augment"] if settings else {}
    for one in settings:
        if one.partition(".")[0] not in known or "=" not in one:
            raise UserError(f"{one!r}: give AUGMENTER.OPTION=VALUE of the view {name!r}, which has {', '.join(known)}")
    return [f"views.{name}.augment.{one}" for one in settings]


def _judged_by(recipe: Recipe, probe: str, options: Sequence[str], splits: int | None) -> list[str]:
    """``eval.key=value`` for the probe and the number of splits."""
    asked = [f"eval.probe={probe}", "eval.probe_options=null"] if probe else []
    asked += [f"eval.probe_options.{item}" for item in options]
    asked += [f"eval.splits={splits}"] if splits is not None else []
    if asked and "probe" not in recipe["eval"]:
        raise UserError(f"the task {recipe['task']!r} is not judged by probes; its settings are eval.KEY=VALUE")
    return asked
