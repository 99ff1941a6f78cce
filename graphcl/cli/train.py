"""``graphcl train``: from a recipe to a finished run."""

from __future__ import annotations

import re
import time
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphcl.cli.fitting import announce, announced, finished, interruptible
from graphcl.cli.options import AllowPlugins, Configs, DataRoot, Json, Overrides, Overwrite, Quiet, argument, option
from graphcl.cli.output import Output
from graphcl.core.launched import is_first

if TYPE_CHECKING:
    from graphcl.core.config.recipe import Recipe


def train(
    recipe: Annotated[str, argument("RECIPE", "Name of a recipe (graphcl list recipes), or a YAML file.")] = "",
    overrides: Overrides = None,
    config: Configs = None,
    out: Annotated[
        Path | None,
        option("--out", "DIR", "Folder of the run; default runs/<recipe>-<data>-<time>."),
    ] = None,
    overwrite: Overwrite = False,
    data_root: DataRoot = None,
    allow_plugins: AllowPlugins = False,
    from_recbole: Annotated[
        Path | None,
        option("--from-recbole", "FILE", "YAML file of RecBole: data, protocol, settings, and its model as RECIPE."),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a recipe, choose its best epoch on validation, and judge it once on test beside its baselines."""
    from graphcl.core.config.recipe import load_recipe

    output = Output(as_json=json, quiet=quiet or not is_first())
    settings = None
    if from_recbole is not None:
        if "=" in recipe:  # the first setting, where no recipe is given
            recipe, overrides = "", [recipe, *(overrides or [])]
        recipe, settings = translated(output, from_recbole, recipe)
    elif not recipe:
        raise typer.BadParameter("Missing argument 'RECIPE'.")
    loaded = load_recipe(
        recipe, overrides or (), files=config or (), settings=settings, allow_plugins=allow_plugins
    )
    folder = out or default_folder(loaded)
    from graphcl.engine.fit import fit

    watchers = announced(loaded, lambda: announce(output, loaded, folder, overrides or []), quiet)
    with interruptible(output, folder):
        fit(loaded, out=folder, overwrite=overwrite, data_root=data_root, observers=watchers)
    finished(output, folder)


def translated(output: Output, file: Path, recipe: str) -> tuple[str, dict[str, Any]]:
    """The recipe and the settings that a file of RecBole asks for; says which keys could not be honoured."""
    from graphcl.from_recbole.translate import translate

    found = translate(file, recipe=recipe)
    said = (f"{path}={value}" for path, value in found.settings.items())
    output.say(f"{file}: recipe {found.recipe}; {', '.join(said)}")
    for line in found.left_out:
        output.say(f"{file}: not honoured: {line}")
    return found.recipe, found.settings


def default_folder(recipe: Recipe) -> Path:
    """``runs/<recipe>-<data>-<time>``, with a number where two runs begin in one second."""
    data = recipe["data"]
    name = Path(data["path"]).stem if data.get("path") else data.get("name", "")
    name = re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-.") or "data"
    stem = f"{recipe.name}-{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    names = chain([stem], (f"{stem}.{number}" for number in count(2)))
    return next(folder for folder in (Path("runs") / name for name in names) if not folder.exists())
