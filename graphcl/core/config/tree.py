"""The canonical tree of a recipe: its keys, its parts and their labels, and how one tree is laid over another.

Canonical form: a part is ``{"name": NAME, **options}``; a list of parts is a mapping from its label
(``info_nce``, ``info_nce#2``) to its options. Paths into the tree are dotted: ``views.svd.augment.low_rank.rank``.
Beside the tree go the origins: dotted path -> where its value was written.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from graphcl.core.errors import UserError

#: Mappings of name -> part, with the kind of the part.
PART_MAPPINGS = {"towers": "tower", "heads": "head", "latents": "augmenter", "states": "state"}
#: Lists of parts.
PART_LISTS = {"terms": "term", "regularizers": "regularizer"}
#: Free text and bookkeeping at the top of a recipe.
META_KEYS = ("title", "paper", "notes", "extends", "per_data", "plugins", "sources")
BLOCKS = ("data", "train", "eval", "embed")
TOP_KEYS = ("task", *BLOCKS, "views", *PART_MAPPINGS, *PART_LISTS, "phases", *META_KEYS)
#: Under ``per_data``, with null: every data set.
EVERY = "*"
ALIASES = {"encoder": "towers.main"}
#: Origin of what an override sets.
COMMAND_LINE = "command line"
#: Origin of what a keyword of :func:`graphcl.load` sets.
KEYWORD = "keyword"

Tree = dict[str, Any]
Origins = dict[str, str]


def part(value: Any, where: str) -> dict[str, Any]:
    """``NAME``, ``{NAME: {options}}`` or ``{name: NAME, **options}`` -> ``{"name": NAME, **options}``."""
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, dict):
        if isinstance(value.get("name"), str):
            return {"name": value["name"], **{str(k): v for k, v in value.items() if k != "name"}}
        if len(value) == 1:
            ((name, options),) = value.items()
            if options is None or isinstance(options, dict):
                return {"name": str(name), **{str(k): v for k, v in (options or {}).items()}}
        if "name" not in value:
            return {str(k): v for k, v in value.items()}  # options alone: they merge onto a named part
    raise UserError(f"{where}: a part is written 'name' or '{{name: {{options}}}}', got {value!r}")


def part_list(value: Any, where: str) -> dict[str, dict[str, Any]]:
    """A list of parts -> label -> options; a second of the kind gets ``#2``."""
    if value is None:
        return {}
    if isinstance(value, str):
        value = [value]
    if isinstance(value, dict):
        value = [{name: options} for name, options in value.items()]
    if not isinstance(value, list):
        raise UserError(f"{where}: expected a list of parts, got {value!r}")
    labels: dict[str, dict[str, Any]] = {}
    for item in value:
        spec = part(item, where)
        name = spec.pop("name", None)
        if not isinstance(name, str):
            raise UserError(f"{where}: a list item is written 'name' or '{{name: {{options}}}}', got {item!r}")
        labels[next_label(labels, name)] = spec
    return labels


def next_label(labels: Mapping[str, Any], name: str) -> str:
    """``name``, or ``name#2``, ``name#3`` when taken."""
    label, number = name, 1
    while label in labels:
        number += 1
        label = f"{name}#{number}"
    return label


def part_name(label: str) -> str:
    """The registered name behind a label: ``low_rank#2`` -> ``low_rank``."""
    return label.partition("#")[0]


def long_path(path: str) -> str:
    """``encoder.dim`` -> ``towers.main.dim``."""
    head, dot, rest = path.partition(".")
    return f"{ALIASES.get(head, head)}{dot}{rest}"


def merge(base: Tree, base_origins: Origins, top: Tree, top_origins: Origins) -> tuple[Tree, Origins]:
    """Lay ``top`` over ``base``. Mappings merge, lists of parts and other values replace.

    A part whose ``name`` changes, and data whose ``kind`` does, drop the options of the old one; ``NAME: null`` removes
    a view or a part; under ``per_data`` what ``base`` sets for a data set, or for ``"*"``, for all of them.
    The reasons (``sources``) of ``base`` for values that ``top`` sets are dropped with the values.
    """
    tree, origins = copy.deepcopy(base), dict(base_origins)
    for path in [path for path in tree.get("sources") or {} if long_path(path) in top_origins]:
        del tree["sources"][path]
    _merge(tree, top, "", origins)
    origins.update(top_origins)
    return tree, origins


def _merge(into: Tree, top: Tree, dotted: str, origins: Origins) -> None:
    for key, value in top.items():
        path = f"{dotted}.{key}" if dotted else str(key)
        if isinstance(value, dict) and path in ("views", *PART_MAPPINGS) and into.get(key) is None:
            into[key] = {}  # so that a null among its names is dropped
        lay(into, key, value, path, origins)


def lay(into: Tree, key: str, value: Any, path: str, origins: Origins) -> None:
    """Lay a value in canonical form over ``into[key]``, which is at a dotted path, in place (see :func:`merge`)."""
    old = into.get(key)
    if path == "per_data" and isinstance(value, dict):
        into[key] = _per_data(old if isinstance(old, dict) else {}, value)
        return
    replaces = path in PART_LISTS or path.endswith(".augment")
    if isinstance(old, dict) and isinstance(value, dict) and not replaces and not _renamed(old, value, path):
        _merge(old, value, path, origins)
        return
    for known in [o for o in origins if o.startswith(path + ".")]:
        del origins[known]
    if value is None and path.count(".") == 1 and path.partition(".")[0] in ("views", *PART_MAPPINGS):
        into.pop(key, None)
    else:
        into[key] = copy.deepcopy(value)


def _per_data(old: Tree, top: Tree) -> Tree:
    """Settings for named data sets over others: of one data set, ``top`` sets its paths and leaves the others."""
    named = {name: settings for name, settings in top.items() if (name, settings) != (EVERY, None)}
    merged = copy.deepcopy(old) if len(named) == len(top) else {}
    for name, settings in named.items():
        if settings is None:
            merged.pop(name, None)
        elif isinstance(settings, dict) and isinstance(merged.get(name), dict):
            again = {long_path(str(path)) for path in settings}
            kept = {path: value for path, value in merged[name].items() if long_path(str(path)) not in again}
            merged[name] = {**kept, **copy.deepcopy(settings)}  # in this order they are set
        else:
            merged[name] = copy.deepcopy(settings)
    return merged


def _renamed(old: Tree, value: Tree, path: str) -> bool:
    """Whether another part, or another kind of data, takes the place of the old one, whose options it may not have."""
    if path.partition(".")[0] in (*PART_MAPPINGS, *PART_LISTS) and len(old) == len(value) == 1 and path.count(".") > 1:
        return old.keys() != value.keys()  # the option of a part that is itself one part: tower: {gin: {...}}
    which = "kind" if path == "data" else "name"
    return (path == "data" or _is_part(path)) and which in value and value[which] != old.get(which)


def _is_part(path: str) -> bool:
    keys = path.split(".")
    source = len(keys) == 3 and (keys[0], keys[2]) == ("views", "source")
    return source or (len(keys) == 2 and keys[0] in PART_MAPPINGS)
