"""All problems of a recipe at once, before any data is read and without importing torch."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Any

from graphcl.core import registry, schema
from graphcl.core.address import Address, parse_address
from graphcl.core.config import blocks, levels
from graphcl.core.config.tree import PART_LISTS, PART_MAPPINGS, TOP_KEYS, Origins, Tree, part_name
from graphcl.core.errors import UserError, nearest

Problem = tuple[str, str]  # dotted path, message


def check(tree: Tree, origins: Origins) -> list[str]:
    """Every problem of a canonical tree as ``file:line: message``, in the order of the file."""
    found = list(_problems(tree))
    lines = [f"{_origin(path, origins)}: {message}" for path, message in found]
    return list(dict.fromkeys(lines))


def _origin(path: str, origins: Origins) -> str:
    while path and path not in origins:
        path = path.rpartition(".")[0]
    return origins.get(path, "recipe")


def _problems(tree: Tree) -> Iterator[Problem]:
    for key in tree:
        if key not in TOP_KEYS:
            yield key, _unknown(key, [*TOP_KEYS, "encoder"])
    yield from _non_finite(tree, "")
    try:
        task_schema = schema.part_schema("task", _task_name(tree))
    except UserError as error:
        yield "task", str(error)
        task_schema = None
    if task_schema is not None:
        yield from check_options(task_schema, tree.get("eval") or {}, "eval")
        yield from _probe(task_schema, tree.get("eval") or {})
        data = schema.part_schema("data", task_schema["meta"]["data"])
        yield from check_options(data, tree.get("data") or {}, "data")
    yield from check_options(block_schema("Train"), tree.get("train") or {}, "train")
    yield from check_options(block_schema("Embed"), tree.get("embed") or {}, "embed")
    yield from _parts(tree)
    yield from _heads(tree)
    yield from _views(tree)
    yield from _phases(tree)
    if task_schema is not None:
        yield from _addresses(tree, task_schema["meta"])


def _probe(task: Mapping[str, Any], evaluation: Any) -> Iterator[Problem]:
    """A task that judges by a probe has the options ``probe`` and ``probe_options``."""
    name = evaluation.get("probe") if isinstance(evaluation, dict) and "probe" in task["options"] else None
    if isinstance(name, str):
        try:
            description = schema.part_schema("probe", name)
        except UserError as error:
            yield "eval.probe", str(error)
        else:
            yield from check_options(description, evaluation.get("probe_options") or {}, "eval.probe_options")


def _task_name(tree: Tree) -> str:
    """The task's name.

    Raises:
        UserError: it is missing, or not a name.
    """
    task = tree.get("task")
    known = ", ".join(registry.names("task"))
    if task is None:
        raise UserError(f"'task' is required; known: {known}")
    if not isinstance(task, str):
        raise UserError(f"'task' is the name of a task, got {task!r}; known: {known}")
    return task


@cache
def block_schema(name: str) -> dict[str, Any]:
    """The schema of a block of :mod:`graphcl.core.config.blocks`."""
    return schema.describe(getattr(blocks, name))


def _unknown(key: str, known: Collection[str]) -> str:
    match = nearest(key, known)
    return f"unknown key '{key}'" + (f"; nearest: '{match}'" if match else f"; known: {', '.join(sorted(known))}")


def _non_finite(value: Any, path: str) -> Iterator[Problem]:
    if isinstance(value, float) and not math.isfinite(value):
        yield path, f"'{path}' must be a finite number, got {value}"
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _non_finite(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for item in value:
            yield from _non_finite(item, path)


def check_options(
    description: Mapping[str, Any], given: Any, path: str, *, ignore: Collection[str] = ()
) -> Iterator[Problem]:
    """Unknown keys (with the nearest), wrong types and values, and missing required options."""
    options = description["options"]
    if not isinstance(given, dict):
        yield path, f"'{path}' is a mapping of options, got {given!r}"
        return
    for key, value in given.items():
        here = f"{path}.{key}"
        if key in ignore:
            continue
        if key not in options:
            yield here, _unknown(here, [f"{path}.{known}" for known in options])
        else:
            yield from _value(options[key]["schema"], options[key]["schema"].get("$defs", {}), value, here)
            if options[key]["schema"].get("format") == "augmenters" and isinstance(value, dict):
                for label, inner in value.items():
                    yield from _part("augmenter", part_name(label), inner, f"{here}.{label}")
    for key, option in options.items():
        if "default" not in option and key not in given and key not in ignore:
            yield path, f"'{path}' needs the option '{key}' ({option['doc'] or 'required'})"


def _value(option_schema: Mapping[str, Any], defs: Mapping[str, Any], value: Any, path: str) -> Iterator[Problem]:
    from jsonschema import Draft202012Validator

    nested = _object_schema(option_schema, defs)
    if nested is not None and isinstance(value, dict):
        known = nested["properties"]
        for key, item in value.items():
            here = f"{path}.{key}"
            if key not in known:
                yield here, _unknown(here, [f"{path}.{k}" for k in known])
            else:
                yield from _value(known[key], defs, item, here)
        for key in nested.get("required", []):
            if key not in value:
                yield path, f"'{path}' needs '{key}'"
        return
    errors = list(Draft202012Validator({**option_schema, "$defs": defs}).iter_errors(value))
    if errors and not _is_non_finite(value):
        yield path, f"'{path}' {_expectation(option_schema, defs)}, got {value!r}"


def _is_non_finite(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _object_schema(option_schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Mapping[str, Any] | None:
    for candidate in (option_schema, *option_schema.get("anyOf", [])):
        if "$ref" in candidate:
            candidate = defs[candidate["$ref"].rpartition("/")[2]]
        if candidate.get("type") == "object" and "properties" in candidate:
            return candidate
    return None


_TYPES = {
    "integer": "a whole number", "number": "a number", "string": "text", "boolean": "true or false",
    "array": "a list", "object": "a mapping", "null": "null",
}


def _expectation(option_schema: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    """``must be a number >= 0 and <= 1`` for a person."""
    return "must be " + _expected(option_schema, defs)


def _expected(option: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    if "$ref" in option:
        return _expected(defs[option["$ref"].rpartition("/")[2]], defs)
    if "anyOf" in option:
        return " or ".join(dict.fromkeys(_expected(o, defs) for o in option["anyOf"]))
    if "enum" in option:
        return "one of " + ", ".join(repr(v) for v in option["enum"])
    if "const" in option:
        return repr(option["const"])
    text = _TYPES.get(option.get("type", ""), "a valid value")
    bounds = [
        f"{sign} {option[key]:g}"
        for key, sign in (("minimum", ">="), ("exclusiveMinimum", ">"), ("maximum", "<="), ("exclusiveMaximum", "<"))
        if key in option
    ]
    if option.get("type") == "array" and "items" in option:
        text += f" ({_expected(option['items'], defs)})"
    return f"{text} {' and '.join(bounds)}" if bounds else text


def _parts(tree: Tree) -> Iterator[Problem]:
    for key, kind in PART_MAPPINGS.items():
        common = set(block_schema("Where")["options"]) if key in ("heads", "latents") else set()
        for name, spec in (tree.get(key) or {}).items():
            path = f"{key}.{name}"
            if not isinstance(spec.get("name"), str):
                yield path, f"'{path}' does not say which {kind} it is; known: {', '.join(registry.names(kind))}"
                continue
            options = {k: v for k, v in spec.items() if k != "name"}
            yield from _part(kind, spec["name"], options, path, ignore=common)
    for key, kind in PART_LISTS.items():
        for label, options in (tree.get(key) or {}).items():
            yield from _part(kind, part_name(label), options, f"{key}.{label}")


def _part(kind: str, name: str, options: Any, path: str, ignore: Collection[str] = ()) -> Iterator[Problem]:
    try:
        description = schema.part_schema(kind, name)
    except UserError as error:
        yield path, str(error)
        return
    unread = set(ignore) - set(description["options"])
    yield from check_options(description, options, path, ignore=unread)


def _heads(tree: Tree) -> Iterator[Problem]:
    for key in levels.GROUPS:
        for name, spec in (tree.get(key) or {}).items():
            path, of, tower = f"{key}.{name}", spec.get("of", "nodes"), spec.get("tower", "main")
            known = levels.applicable(tree, name)
            if of not in known:
                yield f"{path}.of", f"'{path}.of' is {of!r}; known at this place: {', '.join(known)}"
            if tower not in (tree.get("towers") or {}):
                yield f"{path}.tower", f"'{path}.tower' names no tower: {tower!r}"
            if key == "latents" and isinstance(spec.get("name"), str):
                yield from _level("latents", spec["name"], path)


def _level(where: str, augmenter: str, path: str) -> Iterator[Problem]:
    """Augmenters of latents stand under `latents`, those of graphs and operators in views."""
    try:
        level = schema.part_schema("augmenter", augmenter)["meta"].get("level")
    except UserError:
        return  # said elsewhere
    if (level == "latent") != (where == "latents"):
        place = "latents" if level == "latent" else "views.NAME.augment"
        yield path, f"'{path}': {augmenter} augments a {level}; it belongs under {place}"


def _views(tree: Tree) -> Iterator[Problem]:
    views = tree.get("views") or {}
    if not isinstance(views, dict):
        yield "views", "'views' is a mapping by name"
        return
    for name, view in views.items():
        path = f"views.{name}"
        yield from check_options(block_schema("ViewBlock"), view, path, ignore=("augment", "source"))
        for label, options in (view.get("augment") or {}).items():
            yield from _part("augmenter", part_name(label), options, f"{path}.augment.{label}")
            yield from _level("views", part_name(label), f"{path}.augment.{label}")
        spec = view.get("source") or {"name": "self"}
        options = {key: value for key, value in spec.items() if key != "name"}
        yield from _part("source", spec.get("name", ""), options, f"{path}.source")
        source = view.get("hidden_of")
        if source and source not in views:
            yield f"{path}.hidden_of", f"'{path}.hidden_of' names no view: {source!r}; views: {', '.join(views)}"
        elif source and (source == name or views[source].get("hidden_of")):
            yield f"{path}.hidden_of", f"'{path}.hidden_of': view {source!r} must have layers of its own"


def _phases(tree: Tree) -> Iterator[Problem]:
    labels = [*(tree.get("terms") or {}), *(tree.get("regularizers") or {})]
    owners = [*(tree.get("towers") or {}), *(tree.get("heads") or {}), *(tree.get("latents") or {}), *labels]
    if tree.get("terms", {}) == {}:
        yield "terms", "the recipe has no terms: nothing to train"
    for name, phase in (tree.get("phases") or {}).items():
        path = f"phases.{name}"
        yield from check_options(block_schema("PhaseBlock"), phase, path)
        if not isinstance(phase, dict):
            continue
        inner = phase.get("inner") if isinstance(phase.get("inner"), dict) else {}
        for where, block in ((path, phase), (f"{path}.inner", inner)):
            for key, known in (("terms", labels), ("params", owners)):
                items = (block or {}).get(key)
                for item in items if isinstance(items, list) else []:
                    if item not in known:
                        match = nearest(str(item), known)
                        hint = f"; nearest: '{match}'" if match else f"; known: {', '.join(known)}"
                        yield f"{where}.{key}", f"'{where}.{key}' names {item!r}, which the recipe does not have{hint}"


def _addresses(tree: Tree, meta: Mapping[str, Any]) -> Iterator[Problem]:
    for path, text, each in [*addresses(tree), *_embedded(tree)]:
        try:
            address = parse_address(text, meta.get("types", ()))
        except UserError as error:
            yield path, str(error)
            continue
        problem = _address(address, tree, meta, each) or _not_embedded(path, address)
        if problem:
            yield path, f"address {text!r}: {problem}"


def _not_embedded(path: str, address: Address) -> str:
    """What is wrong with an address under `embed.latents`, or ""."""
    if path != "embed.latents" or (address.root == "encoded" and address.rows is None):
        return ""
    return "what leaves a recipe are all rows of a tower on a view, as main(a).nodes"


def _embedded(tree: Tree) -> Iterator[tuple[str, str, bool]]:
    """The addresses of `embed.latents`, as :func:`addresses` gives others."""
    latents = (tree.get("embed") or {}).get("latents")
    for text in latents if isinstance(latents, list) else []:
        if isinstance(text, str):
            yield "embed.latents", text, False


def addresses(tree: Tree) -> Iterator[tuple[str, str, bool]]:
    """Every address of a recipe: (dotted path of the option, text, whether its part has ``each``)."""
    for key, kind in (*PART_LISTS.items(), ("states", "state"), ("latents", "augmenter")):
        for label, spec in (tree.get(key) or {}).items():
            name = part_name(label) if key in PART_LISTS else spec.get("name", "")
            try:
                options = schema.part_schema(kind, name)["options"]
            except UserError:
                continue
            defaults = {name: known["default"] for name, known in options.items() if "default" in known}
            for option, text in _address_options(options, {**defaults, **spec}):
                yield f"{key}.{label}.{option}", text, bool(spec.get("each"))
    for view, spec in (tree.get("views") or {}).items():
        source = spec.get("source") or {"name": "self"}
        try:
            options = schema.part_schema("source", source.get("name", ""))["options"]
        except UserError:
            continue
        for option, text in _address_options(options, source):  # '*' is the node type that the view is read for
            yield f"views.{view}.source.{option}", text, True


def _address_options(options: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for option, value in given.items():
        if option in options and is_address(options[option]["schema"]):
            for text in value if isinstance(value, list) else [value]:
                if isinstance(text, str) and text:
                    yield option, text


def is_address(option: Mapping[str, Any]) -> bool:
    """Whether the schema of an option is that of an address, or of several."""
    return option.get("format") == "address" or any(is_address(o) for o in option.get("anyOf", []))


def _drawn_sets(view: Mapping[str, Any]) -> Iterator[str]:
    """The row sets that a view's augmenters draw."""
    for label in view.get("augment") or {}:
        try:
            yield from schema.part_schema("augmenter", part_name(label))["meta"].get("row_sets", ())
        except UserError:
            continue  # said elsewhere


def _address(address: Address, tree: Tree, meta: Mapping[str, Any], each: bool) -> str:
    """What is wrong with an address, or ""."""
    views, towers, states = tree.get("views") or {}, tree.get("towers") or {}, tree.get("states") or {}

    def missing(what: str, name: str, known: Collection[str]) -> str:
        match = nearest(name, known)
        return f"no {what} {name!r}" + (f"; nearest: '{match}'" if match else f"; known: {', '.join(known) or 'none'}")

    sets = [*meta.get("rows", ()), *_drawn_sets(views.get(address.view) or {})]
    if address.rows is not None and address.rows not in sets:
        return missing("row set", address.rows, [*sets, *meta.get("types", ())])
    if address.node_type == "*" and not each:
        return "'*' stands for a node type only where the part has 'each'"
    if address.root == "state" and address.name not in states:
        return missing("state", address.name, states)
    if address.root != "encoded":
        return ""
    if address.view not in views:
        return missing("view", address.view, views)
    if address.tower not in towers and address.tower not in states:
        return missing("tower", address.tower, [*towers, *states])
    heads = [*(tree.get("heads") or {}), *(tree.get("latents") or {})]
    levels = ["nodes", "layers", "messages", "graphs", *heads]
    if address.level not in levels:
        return missing("level or head", address.level, levels)
    return ""
