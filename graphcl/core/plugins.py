"""Code from outside the package: loaded only when allowed, or when installed as an entry point."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from graphcl.core.errors import UserError
from graphcl.core.files import write_text

GROUP = "graphcl.plugins"


def installed_plugins() -> dict[str, str]:
    """Entry-point name -> module of every installed plugin."""
    return {point.name: point.value.partition(":")[0] for point in metadata.entry_points(group=GROUP)}


def import_plugins(modules: Sequence[str], *, where: str, allowed: bool, folder: Path | None = None) -> None:
    """Import the modules a recipe names under ``plugins:``.

    Modules installed under the entry-point group ``graphcl.plugins`` always load. Others only with permission;
    they are looked for in ``folder`` (the recipe's), the working directory, and then where Python looks.

    Raises:
        UserError: not allowed, or a module that cannot be imported.
    """
    known = installed_plugins()
    if not isinstance(modules, list | tuple):
        raise UserError(f"{where}: plugins: is a list of Python modules, got {modules!r}")
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
        for place in (Path.cwd(), *([folder.resolve()] if folder else [])):
            if str(place) not in sys.path:
                sys.path.insert(0, str(place))
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise UserError(f"{where}: cannot import the plugin '{name}': {error}") from error


def keep_plugins(modules: Sequence[str], folder: Path) -> None:
    """Copy plugins that are single files to ``folder``, so that a run can be opened wherever it lies.

    Installed ones, packages and modules of packages are not copied: they are found where Python looks.
    """
    installed = installed_plugins()
    for name in modules:
        file = Path(getattr(sys.modules.get(name), "__file__", None) or "")
        if file.name == f"{name}.py" and name not in installed and name not in installed.values():
            write_text(folder / file.name, file.read_text(encoding="utf-8"))
