"""``graphcl check``: every problem of a recipe at once."""

from __future__ import annotations

from typing import Annotated

from typer import Exit

from graphcl.cli.options import AllowPlugins, Configs, Json, Overrides, Quiet, argument
from graphcl.cli.output import Output


def check(
    recipe: Annotated[str, argument("RECIPE", "Name of a recipe, or a YAML file.")],
    overrides: Overrides = None,
    config: Configs = None,
    allow_plugins: AllowPlugins = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check a recipe before any data is read: all problems at once, with file, line and the nearest key.

    Names, keys, types, ranges, addresses, and whether its data set, files and folders are there. What only shows as
    parts are built (widths that do not fit each other) ends the training in one line.
    """
    from graphcl.core.config.recipe import load_recipe
    from graphcl.core.errors import ConfigError, UserError

    try:
        loaded = load_recipe(recipe, overrides or (), files=config or (), allow_plugins=allow_plugins)
        if missing := [*loaded.unknown_data(), *loaded.missing_paths()]:
            raise ConfigError(missing)
    except UserError as error:
        if json:
            problems = getattr(error, "problems", None) or [str(error)]
            Output(as_json=True, quiet=quiet).result({"recipe": recipe, "ok": False, "problems": problems}, str)
            raise Exit(error.exit_code) from error
        raise
    output = Output(as_json=json, quiet=quiet)
    output.result({"recipe": loaded.name, "ok": True, "problems": []}, lambda: f"{recipe}: ok (task {loaded['task']})")
