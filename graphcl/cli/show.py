"""``graphcl show``: a recipe as a picture in text, with every option, its value and where it comes from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from graphcl.cli.options import AllowPlugins, Configs, Json, Overrides, Quiet, argument
from graphcl.cli.output import Output
from graphcl.core.errors import UserError

if TYPE_CHECKING:
    from graphcl.core.config.recipe import Recipe


def show(
    recipe: Annotated[str, argument("RECIPE", "Name of a recipe, a YAML file, or the folder of a run.")],
    overrides: Overrides = None,
    config: Configs = None,
    allow_plugins: AllowPlugins = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show a recipe: its data flow, its parts with their options, and where each value comes from."""
    from graphcl.report.flow import draw_flow
    from graphcl.report.settings import settings, settings_table

    run = Path(recipe) if (Path(recipe) / "run.json").is_file() else None
    loaded = _load(recipe, run, overrides or [], config or [], allow_plugins)
    count = _count_parameters(run) if run is not None else None
    rows, flow = settings(loaded), draw_flow(loaded)
    value = {
        "name": loaded.name,
        "title": loaded.tree.get("title"),
        "paper": loaded.tree.get("paper"),
        "flow": flow.splitlines(),
        "parameters": count,
        "settings": [row.to_dict() for row in rows],
    }
    known = "as many as the data asks for (`graphcl train` says it)" if count is None else f"{count:,}"
    output = Output(as_json=json, quiet=quiet)
    output.result(value, lambda: [flow, f"\nparameters: {known}", settings_table(rows)])


def _load(recipe: str, run: Path | None, overrides: list[str], config: list[str], allow_plugins: bool) -> Recipe:
    if run is None:
        from graphcl.core.config.recipe import load_recipe

        return load_recipe(recipe, overrides, files=config, allow_plugins=allow_plugins)
    from graphcl.engine.run import RunFolder

    if overrides or config:
        raise UserError(f"{recipe} is a run, its settings are fixed; name a recipe to lay settings over it")
    loaded = RunFolder.open(run).recipe(allow_plugins=allow_plugins)
    return replace(loaded, origins={})  # a run writes every value: where it did says nothing


def _count_parameters(run: Path) -> int | None:
    """From the record of a finished run."""
    from graphcl.core.files import read_json

    record = run / "protocol.json"
    return read_json(record).get("parameters") if record.is_file() else None
