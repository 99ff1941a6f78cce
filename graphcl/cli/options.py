"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def argument(metavar: str, help: str) -> Any:
    """A positional argument, its default not shown."""
    return typer.Argument(metavar=metavar, help=help, show_default=False)


def option(name: str, metavar: str, help: str) -> Any:
    """An option with a value, its default not shown."""
    return typer.Option(name, metavar=metavar, help=help, show_default=False)


Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but the result and errors.")]
Run = Annotated[Path, argument("RUN", "Folder of a run.")]
Overrides = Annotated[
    list[str] | None,
    argument("KEY=VALUE...", "Settings laid over the recipe: key=value, +list=item appends, ~list=item removes."),
]
Configs = Annotated[list[str] | None, option("--config", "FILE", "YAML file laid over the recipe; may be repeated.")]
AllowPlugins = Annotated[
    bool, typer.Option("--allow-plugins", help="Import the modules that the recipe names under plugins:.")
]
DataRoot = Annotated[Path | None, option("--data-root", "DIR", "Folder where data sets are looked up first.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what --out already holds.")]
