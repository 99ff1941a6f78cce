"""Files and folders that a recipe names: absolute in a run, and looked for before any data is read."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from graphcl.core import schema
from graphcl.core.config.tree import Tree, part_name
from graphcl.core.config.values import NESTED, Problem
from graphcl.core.config.walk import options_of
from graphcl.core.errors import nearest
from graphcl.core.paths import absolute, absolute_model, is_folder_name

_FORMATS = ("path", "path-beside", "model")


def absolute_paths(tree: Mapping[str, Any]) -> Tree:
    """A complete tree whose paths read the same from any folder."""
    full, folder = copy.deepcopy(dict(tree)), _data_folder(tree)
    for where, text, kind in _named(tree):
        if kind == "model":
            _put(full, where, absolute_model(text))
        elif kind == "path":
            _put(full, where, ",".join(map(absolute, _pieces(text))))
        elif folder is not None and not (folder / text).exists():
            _put(full, where, absolute(text))
    return full


def with_home(tree: Tree) -> Tree:
    """A complete tree in whose paths ``~`` is written out, which few shells do behind ``key=``. In place."""
    for where, text, _ in list(_named(tree)):
        if text.startswith("~"):
            _put(tree, where, os.path.expanduser(text))
    return tree


def missing_paths(tree: Mapping[str, Any]) -> Iterator[Problem]:
    """What a complete tree names and is not there. Of a model only what can be no hub's name."""
    folder = _data_folder(tree)
    for where, text, kind in _named(tree):
        if kind == "model" and not is_folder_name(text):
            continue
        if kind == "path-beside" and (folder is None or (folder / text).exists()):
            continue
        for piece in _pieces(text):
            if not Path(piece).exists():
                yield where, f"'{where}': {piece} does not exist{_near(Path(piece))}"


def _near(path: Path) -> str:
    try:
        beside = [one.name for one in path.parent.iterdir()]
    except OSError:
        return ""
    match = nearest(path.name, beside)
    return f"; nearest: {str(path.parent / match)!r}" if match else ""


def _data_folder(tree: Mapping[str, Any]) -> Path | None:
    """What other files of the data lie beside; None where that is a data set's folder, wherever it is found."""
    data = tree["data"]
    return None if data.get("name") and not data.get("path") else Path(data.get("path") or ".")


def _pieces(text: str) -> list[str]:
    """The path; or, where none is so called, the several with commas between them (``nodes.csv,edges.csv``)."""
    several = [piece.strip() for piece in text.split(",")]
    return several if len(several) > 1 and not Path(text).exists() else [text]


def _named(tree: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(dotted path of the option, text, format) of every path that is set."""
    for where, value, option in options_of(tree):
        yield from _of_option(where, value, option)


def _of_option(where: str, value: Any, option: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    kind = option["schema"].get("format", "")
    if kind in _FORMATS and isinstance(value, str) and value:
        yield where, value, kind
    elif kind in NESTED and isinstance(value, Mapping):
        for label, options in value.items():
            inner = schema.part_schema(NESTED[kind], part_name(label))["options"]
            for name, given in (options or {}).items():
                yield from _of_option(f"{where}.{label}.{name}", given, inner[name])


def _put(tree: Tree, where: str, text: str) -> None:
    *above, last = where.split(".")
    node: Any = tree
    for key in above:
        node = node[key]
    node[last] = text
