"""``graphcl evaluate``: judge a finished run again, with slices or other settings of the evaluation."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphcl.cli.options import AllowPlugins, DataRoot, Json, Quiet, Run, argument, option
from graphcl.cli.output import Output
from graphcl.core.errors import UserError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from graphcl.serve.opened import OpenedRun


class SplitBy(StrEnum):
    """Families of splits of labelled nodes."""

    random = "random"
    public = "public"
    given = "given"


def evaluate(
    run: Run,
    settings: Annotated[
        list[str] | None,
        argument("EVAL.KEY=VALUE...", "Settings of the evaluation: eval.k=[5,50]."),
    ] = None,
    slices: Annotated[
        bool, typer.Option("--slices", help="Also by the activity of users and the popularity of items.")
    ] = False,
    probe: Annotated[
        str | None,
        option("--probe", "NAME", "Probe on the embeddings (graphcl list probes), with its default options."),
    ] = None,
    probe_option: Annotated[
        list[str] | None, option("--probe-option", "KEY=VALUE", "An option of the probe; may be repeated.")
    ] = None,
    split: Annotated[
        SplitBy | None, option("--split", "FAMILY", "Other splits of the labelled nodes: random, public or given.")
    ] = None,
    splits: Annotated[
        int | None, option("--splits", "N", "Mean and deviation over N splits; 0: all that came with the data.")
    ] = None,
    baselines: Annotated[bool, typer.Option("--baselines", help="Tune and judge the baselines anew, too.")] = False,
    data_root: DataRoot = None,
    allow_plugins: AllowPlugins = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Judge the embeddings of a finished run on its test split."""
    from graphcl.serve.opened import open_run

    output = Output(as_json=json, quiet=quiet)
    opened = open_run(
        run,
        evaluation=settings or [],
        probe=probe or "",
        probe_options=probe_option or [],
        splits=splits,
        split=split.value if split else "",
        allow_plugins=allow_plugins,
        data_root=data_root,
    )
    if slices and not hasattr(opened.task, "evaluate_slices"):
        raise UserError(f"--slices: task {opened.recipe['task']} has no slices")
    metrics = {f"test/{k}": v for k, v in opened.task.evaluate(opened.embeddings, "test", seed=opened.seed).items()}
    if not metrics:
        raise UserError(f"{run}: {opened.task.describe()['protocol']}")
    if baselines:
        output.say("tuning the baselines on validation")
        metrics |= opened.judge_baselines()
    protocol = opened.task.describe()
    if caution := opened.chosen_elsewhere():
        protocol["notes"] = [*protocol.get("notes", []), caution]
        output.say(caution)
    value: dict[str, Any] = {"run": str(run), "recipe": opened.recipe.name, "metrics": metrics, "protocol": protocol}
    from graphcl.report.tables import spoken

    if said := spoken(opened.record()):
        value["augmenters"] = said
    if slices:
        value["slices"] = _slices(opened)
    output.result(value, lambda: _shown(value))


def _slices(opened: OpenedRun) -> list[dict[str, Any]]:
    rows = opened.task.evaluate_slices(opened.embeddings, "test", seed=opened.seed)  # type: ignore[attr-defined]
    return [asdict(row) for row in rows]


def _shown(value: dict[str, Any]) -> list[RenderableType]:
    from graphcl.report.tables import columns, metrics_table, slices_table

    shown: list[RenderableType] = [metrics_table(columns(value["metrics"], value["recipe"]), f"test, {value['run']}")]
    shown += [line] if (line := value["protocol"].get("protocol")) else []
    shown += value.get("augmenters", [])
    if "slices" in value:
        names = dict.fromkeys(name for row in value["slices"] for name in row["metrics"])
        shown.append(slices_table(value["slices"], [name for name in names if name.startswith(("recall", "ndcg"))]))
    return shown
