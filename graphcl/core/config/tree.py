"""One canonical tree for every way to write a recipe, with the place each value came from.

Canonical form: a part is ``{"name": NAME, **options}``; a list of parts is a mapping from its label
(``info_nce``, ``info_nce#2``) to its options. Paths into the tree are dotted: ``views.svd.augment.low_rank.rank``.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from graphcl.core.config.yaml12 import Path
from graphcl.core.errors import ConfigError, UserError, suggestion

#: Mappings of name -> part, with the kind of the part.
PART_MAPPINGS = {"towers": "tower", "heads": "head", "latents": "augmenter", "states": "state"}
#: Lists of parts.
PART_LISTS = {"terms": "term", "regularizers": "regularizer"}
#: Free text and bookkeeping at the top of a recipe.
META_KEYS = ("title", "paper", "notes", "extends", "per_data", "plugins", "sources")
BLOCKS = ("data", "train", "eval", "embed")
TOP_KEYS = ("task", *BLOCKS, "views", *PART_MAPPINGS, *PART_LISTS, "phases", *META_KEYS)
ALIASES = {"encoder": "towers.main"}
#: Origin of what an override sets.
COMMAND_LINE = "command line"
#: Origin of what a keyword of :func:`graphcl.load` sets.
KEYWORD = "keyword"

Tree = dict[str, Any]
Origins = dict[str, str]


class MalformedError(ConfigError):
    """Blocks of a recipe have no form we know; ``tree`` and ``origins`` hold the others."""

    def __init__(self, problems: list[str], tree: Tree, origins: Origins) -> None:
        super().__init__(problems)
        self.tree, self.origins = tree, origins


def canonical(raw: Any, lines: Mapping[Path, int], source: str) -> tuple[Tree, Origins]:
    """Bring a raw document into canonical form.

    Returns:
        The tree, and for every dotted path the ``file:line`` it came from.

    Raises:
        UserError: the document is not a mapping.
        MalformedError: a part is written in a form we do not know.
    """
    origins: Origins = {}
    if raw is None:
        return {}, origins
    if not isinstance(raw, dict):
        raise UserError(f"{source}:1: a recipe is a mapping of keys, got {type(raw).__name__}")
    tree: Tree = {}
    problems = []
    for key, value in raw.items():
        try:
            _put(tree, origins, str(key), value, (key,), lines, source)
        except UserError as error:
            problems.append(str(error))
            tree[str(key)] = None
    if problems:
        raise MalformedError(problems, tree, origins)
    return tree, origins


def _put(
    tree: Tree, origins: Origins, key: str, value: Any, at: Path, lines: Mapping[Path, int], source: str
) -> None:
    """Place one top-level key, in canonical form."""

    def note(dotted: str, path: Path) -> None:
        while path and path not in lines:
            path = path[:-1]
        origins[dotted] = f"{source}:{lines.get(path, 1)}"

    def walk(dotted: str, item: Any, path: Path) -> None:
        note(dotted, path)
        if isinstance(item, dict):
            for k, v in item.items():
                walk(f"{dotted}.{k}", v, (*path, k))

    where = f"{source}:{lines.get(at, 1)}"
    if key == "encoder":
        tree.setdefault("towers", {})["main"] = part(value, where)
        walk("towers.main", tree["towers"]["main"], at)
    elif key in PART_MAPPINGS:
        entries = _mapping(value, key, where)
        group = tree.setdefault(key, {})
        for k, v in entries.items():
            group[str(k)] = None if v is None else part(v, f"{source}:{lines.get((*at, k), 1)}")
        note(key, at)
        for k in entries:
            walk(f"{key}.{k}", tree[key][str(k)], (*at, k))
            _inner_lines(origins, f"{key}.{k}", entries[k], (*at, k), lines, source)
    elif key in PART_LISTS:
        tree[key] = part_list(value, where)
        note(key, at)
        _list_lines(origins, key, value, at, lines, source)
    elif key == "views":
        tree["views"] = {}
        note(key, at)
        for name, view in _mapping(value, key, where).items():
            note(f"views.{name}", (*at, name))
            if view is None:
                tree["views"][str(name)] = None
                continue
            short = not isinstance(view, dict)
            body = {"augment": view} if short else dict(view)
            place = (*at, name) if short else (*at, name, "augment")
            if "source" in body:
                body["source"] = part(body["source"], origins[f"views.{name}"])
            if body.get("augment") is not None:
                augment = body["augment"]
                body["augment"] = part_list(augment, origins[f"views.{name}"])
                for option in body:
                    note(f"views.{name}.{option}", (*at, name, option))
                _list_lines(origins, f"views.{name}.augment", augment, place, lines, source)
            else:
                body.pop("augment", None)
                for option in body:
                    note(f"views.{name}.{option}", (*at, name, option))
            tree["views"][str(name)] = body
    elif key == "data" and not isinstance(value, dict):
        tree["data"] = {"name": value}
        note("data", at)
        note("data.name", at)
    else:
        tree[key] = copy.deepcopy(value)
        walk(key, value, at)


def _list_lines(
    origins: Origins, dotted: str, value: Any, at: Path, lines: Mapping[Path, int], source: str
) -> None:
    """Lines of the options of a list of parts."""
    if not isinstance(value, list):
        return
    labels = part_list(value, dotted)
    for position, label in enumerate(labels):
        path = (*at, position)
        origins[f"{dotted}.{label}"] = f"{source}:{lines.get(path, 1)}"
        item = value[position]
        _inner_lines(origins, f"{dotted}.{label}", item, path, lines, source)


def _inner_lines(
    origins: Origins, dotted: str, item: Any, path: Path, lines: Mapping[Path, int], source: str
) -> None:
    """Lines of ``{name: {options}}`` or ``{name: NAME, **options}`` under the canonical path."""
    if not isinstance(item, dict):
        return
    if len(item) == 1 and "name" not in item:
        ((name, options),) = item.items()
        path, item = (*path, name), options
    if isinstance(item, dict):
        for option in item:
            origins[f"{dotted}.{option}"] = f"{source}:{lines.get((*path, option), lines.get(path, 1))}"


def _mapping(value: Any, key: str, where: str) -> dict[Any, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UserError(f"{where}: '{key}' is a mapping by name, got {value!r}")
    return value


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

    A part whose ``name`` changes drops the options of the old one; ``NAME: null`` removes a view or a part.
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
        old = into.get(key)
        replaces = path in PART_LISTS or path.endswith(".augment") or path == "per_data"
        named = isinstance(value, dict) and "name" in value and _is_part(path)
        renamed = named and isinstance(old, dict) and value["name"] != old.get("name")
        if isinstance(old, dict) and isinstance(value, dict) and not replaces and not renamed:
            _merge(old, value, path, origins)
        else:
            for known in [o for o in origins if o.startswith(path + ".")]:
                del origins[known]
            if value is None and path.count(".") == 1 and path.partition(".")[0] in ("views", *PART_MAPPINGS):
                into.pop(key, None)
            else:
                into[key] = copy.deepcopy(value)


def _is_part(path: str) -> bool:
    return path.count(".") == 1 and path.split(".")[0] in PART_MAPPINGS


def assign(tree: Tree, origins: Origins, text: str, source: str = COMMAND_LINE) -> None:
    """Apply one override in place: ``key=value``, ``+list=item``, ``~list=item``.

    Raises:
        UserError: not of that form, or a path that runs through something that is not a mapping.
    """
    from graphcl.core.config.yaml12 import scalar

    path, equals, literal = text.partition("=")
    operation = path[:1] if path[:1] in "+~" and path else ""
    path = path.removeprefix(operation).strip()
    if not equals or not path:
        raise UserError(f"{source}: {text!r} is not of the form key=value")
    put(tree, origins, path, scalar(literal, f"{source} ({path})"), source, operation)


def put(tree: Tree, origins: Origins, path: str, value: Any, source: str, operation: str = "") -> None:
    """Set the value at a dotted path in place; with ``+`` or ``~`` add it to or take it from the list there.

    ``*`` in a path stands for every name at its place: ``views.*.augment.drop_edges.p``.

    Raises:
        UserError: the path runs through something that is not a mapping, or ``*`` stands for nothing.
    """
    if "*" in path.split("."):
        for one in _each_path(tree, path, source):
            put(tree, origins, one, value, source, operation)
        return
    for short, full in ALIASES.items():
        if path == short or path.startswith(short + "."):
            path = full + path[len(short) :]
    if path == "data" and not isinstance(value, dict):
        path = "data.name"
    keys = path.split(".")
    if operation:
        _edit_list(tree, origins, keys, operation, value, source)
        return
    parent = _descend(tree, keys[:-1], path, source)
    parent[keys[-1]] = _canonical_at(keys, value, source)
    for known in [o for o in origins if o == path or o.startswith(path + ".")]:
        del origins[known]
    origins[path] = source


def _each_path(tree: Tree, path: str, source: str) -> list[str]:
    """The path with its first ``*`` replaced by each name at its place."""
    before, _, after = long_path(path).partition("*")
    node: Any = tree
    for key in before.split(".")[:-1]:
        node = node.get(key) if isinstance(node, dict) else None
    if not isinstance(node, dict) or not node:
        raise UserError(f"{source}: '{path}': the recipe has nothing that '*' could stand for")
    return [f"{before}{name}{after}" for name in node]


def _canonical_at(keys: list[str], value: Any, source: str) -> Any:
    if len(keys) == 2 and keys[0] in PART_MAPPINGS:
        return part(value, source)
    if keys[-1] == "augment" or (len(keys) == 1 and keys[0] in PART_LISTS):
        return part_list(value, source)
    if len(keys) == 3 and keys[0] == "views" and keys[2] == "source":
        return part(value, source)
    if len(keys) == 2 and keys[0] == "views" and not isinstance(value, dict):
        return {"augment": part_list(value, source)}
    return value


def _descend(tree: Tree, keys: list[str], path: str, source: str) -> dict[str, Any]:
    node: Any = tree
    for depth, key in enumerate(keys):
        below = node.get(key)
        if below is None:
            known = "augmenter" if depth and keys[depth - 1] == "augment" else ""
            if depth == 1:  # the label of a part; deeper lies an option that was not set so far
                known = PART_LISTS.get(keys[0], known)
            if known:
                raise UserError(f"{source}: '{path}': the recipe has no {known} {key!r}{suggestion(key, node)}; "
                                f"add it with +{'.'.join(keys[:depth])}={key}")
            below = node[key] = {}
        if not isinstance(below, dict):
            raise UserError(f"{source}: '{path}': '{'.'.join(keys[: depth + 1])}' is {below!r}, it has no keys")
        node = below
    return node


def _edit_list(
    tree: Tree, origins: Origins, keys: list[str], operation: str, value: Any, source: str
) -> None:
    path = ".".join(keys)
    parent = _descend(tree, keys[:-1], path, source)
    current = parent.setdefault(keys[-1], {} if keys[0] in PART_LISTS or keys[-1] == "augment" else [])
    if isinstance(current, list):
        if operation == "+":
            current.append(value)
        elif value in current:
            current.remove(value)
        else:
            raise UserError(f"{source}: '{path}' has no item {value!r} to remove; it is {current}")
        origins[path] = source
        return
    if not isinstance(current, dict):
        raise UserError(f"{source}: '{path}' is not a list")
    if operation == "+":
        spec = part(value, source)
        name = spec.pop("name", "")
        label = next_label(current, name)
        current[label] = spec
        origins[f"{path}.{label}"] = source
    elif value in current:
        del current[value]
    else:
        raise UserError(f"{source}: '{path}' has no part {value!r} to remove{suggestion(str(value), current)}")
