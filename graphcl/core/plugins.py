"""Code from outside the package: loaded only when allowed, or when installed as an entry point."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from graphcl.core.errors import UserError

GROUP = "graphcl.plugins"


def installed_plugins() -> dict[str, str]:
    """Entry-point name -> module of every installed plugin."""
    return {point.name: point.value.partition(":")[0] for point in metadata.entry_points(group=GROUP)}


def import_plugins(modules: Sequence[str], *, where: str, allowed: bool) -> None:
    """Import the modules a recipe names under ``plugins:``.

    Modules installed under the entry-point group ``graphcl.plugins`` always load; others, which may be
    files beside the working directory, only with permission.

    Raises:
        UserError: not allowed, or a module that cannot be imported.
    """
    known = installed_plugins()
    for name in modules:
        if not isinstance(name, str) or not all(piece.isidentifier() for piece in name.split(".")):
            raise UserError(f"{where}: plugins: {name!r} is not the name of a Python module")
        if name in known or name in known.values():
            importlib.import_module(known.get(name, name))
            continue
        if not allowed and name not in sys.modules:
            raise UserError(
                f"{where}: it would run code of the module '{name}' (plugins:); if you trust it, add --allow-plugins"
            )
        if str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise UserError(f"{where}: cannot import the plugin '{name}': {error}") from error
