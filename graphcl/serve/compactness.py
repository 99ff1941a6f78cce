"""Node compactness of a finished run, before and after its training, with what is certain under deleted edges."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from graphcl.core.build import build
from graphcl.core.config.tree import part_name
from graphcl.core.errors import UserError
from graphcl.core.words import counted
from graphcl.engine.flow import StepFlow
from graphcl.engine.model import Model
from graphcl.engine.unseen import load_model
from graphcl.engine.views import Views
from graphcl.objective.pot import Budget
from graphcl.serve import export
from graphcl.serve.embeddings import ids_of
from graphcl.serve.opened import OpenedRun

STAGES = ("before", "after")


@dataclass(frozen=True)
class CompactnessReport:
    """One row for each node and view.

    Attributes:
        columns: Name -> [rows]: ``view``, ``type``, ``id``, ``degree``, ``budget``, then for ``before`` and ``after``
            training ``bound_STAGE`` (``surrogate_STAGE`` in mode reference), ``certified_STAGE`` and
            ``compactness_STAGE``, the value in the view as drawn.
        score: ``bound`` or ``surrogate``.
        about: Mode, and view -> the deletions that are covered.
    """

    columns: Mapping[str, np.ndarray]
    score: str
    about: Mapping[str, Any]

    def summary(self) -> list[dict[str, Any]]:
        """View and stage -> nodes, share certified, share positive as drawn, mean score and mean compactness."""
        found = []
        for view in dict.fromkeys(self.columns["view"].tolist()):
            rows = self.columns["view"] == view
            for stage in STAGES:
                score, certified, current = (
                    self.columns[f"{name}_{stage}"][rows] for name in (self.score, "certified", "compactness")
                )
                found.append({
                    "view": view, "training": stage, "nodes": int(rows.sum()),
                    "certified": float(certified.mean()), "positive_as_drawn": float((current > 0).mean()),
                    f"mean_{self.score}": float(score.mean()), "mean_compactness": float(current.mean()),
                })  # fmt: skip
        return found

    def write(self, path: Path) -> None:
        """As a table, in the format of the path's ending.

        Raises:
            UserError: it cannot be written; what was there stays.
        """
        table = pa.table({name: pa.array(values) for name, values in self.columns.items()})
        table = table.replace_schema_metadata({"compactness": json.dumps(self.about)})
        with export.writing(path, table.schema) as write:
            write(table)


def measure_compactness(opened: OpenedRun, *, budget: str = "", mode: str = "", inner: str = "") -> CompactnessReport:
    """Bound the compactness of every node of a run's two views, with its initial and with its trained weights.

    Args:
        opened: The run. Where its recipe has the regularizer ``pot``, that one's options count; else its defaults.
        budget: See :meth:`graphcl.objective.pot.Budget.parse`; empty for the options'.
        mode: ``sound`` or ``reference``; empty for the options'.
        inner: ``interval`` or ``row``; empty for the options'.

    Raises:
        UserError: the encoder, the graph or the views cannot be bounded; names the reason.
    """
    options = _options(opened, budget=budget, mode=mode, inner=inner)
    models = Model(opened.recipe, opened.task, seed=opened.seed), load_model(opened.folder, opened.recipe, opened.task)
    columns: dict[str, np.ndarray] = {}
    for stage, model in zip(STAGES, models, strict=True):
        columns |= _of_model(opened, model.cpu().eval(), options, stage)
    about = _part(models[0], opened, options).describe()
    return CompactnessReport(columns, "bound" if about["mode"] == "sound" else "surrogate", about)


def _options(opened: OpenedRun, **given: str) -> dict[str, Any]:
    own = [dict(spec) for label, spec in opened.recipe["regularizers"].items() if part_name(label) == "pot"]
    views = list(opened.recipe["views"])
    options = own[0] if own else {}
    if not own and len(views) == 2:
        each = {"each": list(opened.task.types)} if opened.task.types else {}
        selector = "[*]" if each else ""
        options = {"anchors": f"{views[0]}.nodes{selector}", "others": f"{views[1]}.nodes{selector}", **each}
    elif not own:
        raise UserError(
            f"{opened.folder.path} has {counted(len(views), 'view')} ({', '.join(views)}); compactness compares two, "
            "which a recipe names by regularizers.pot.anchors and .others (with observe: true, pot only reports)"
        )
    options |= {"nodes": 0} | {key: value for key, value in given.items() if value and key != "budget"}
    return options | ({"budget": asdict(Budget.parse(given["budget"]))} if given["budget"] else {})


def _part(model: Model, opened: OpenedRun, options: Mapping[str, Any]) -> Any:
    context = {"towers": dict(model.towers), "task": opened.task, "views": opened.recipe["views"]}
    return build("regularizer", "pot", options, **context)


@torch.no_grad()
def _of_model(opened: OpenedRun, model: Model, options: Mapping[str, Any], stage: str) -> dict[str, np.ndarray]:
    """Columns of one stage; the views are those of the first step, so that both stages see the same ones."""
    part = _part(model, opened, options)
    views = Views(opened.recipe, opened.task, seed=opened.seed, device=torch.device("cpu"))
    flow = StepFlow(model, views, None, types=opened.task.types, epoch=0, step=0)
    pieces: list[dict[str, np.ndarray]] = []
    score = "bound" if part.mode == "sound" else "surrogate"
    for node_type in part.each or [""]:
        for view, side in zip(part.views(), part.compactness(flow, node_type), strict=True):
            count = len(side.nodes)
            pieces.append({
                "view": np.array([view] * count), "type": np.array([node_type or "node"] * count),
                "id": np.array(ids_of(opened.data, node_type, count), dtype=str),
                "degree": side.degree.numpy(), "budget": side.budget.numpy(),
                f"{score}_{stage}": side.score.numpy(), f"certified_{stage}": side.certified.numpy(),
                f"compactness_{stage}": side.current.numpy(),
            })  # fmt: skip
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
