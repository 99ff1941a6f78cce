"""The addresses of a recipe: where they stand, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from graphcl.core import schema
from graphcl.core.address import Address, parse_address
from graphcl.core.config.levels import LEVELS
from graphcl.core.config.tree import PART_LISTS, Tree, part_name
from graphcl.core.config.values import Problem
from graphcl.core.errors import UserError, nearest


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


def check_addresses(tree: Tree, meta: Mapping[str, Any]) -> Iterator[Problem]:
    """Addresses that name what the recipe, or the task that ``meta`` describes, does not have."""
    for path, text, each in [*addresses(tree), *_embedded(tree), *_apart(tree)]:
        try:
            address = parse_address(text, meta.get("types", ()))
        except UserError as error:
            yield path, str(error)
            continue
        problem = (
            _address(address, tree, meta, each)
            or _not_embedded(path, address)
            or _too_early(path, address)
            or _no_table(path, address)
        )
        if problem:
            yield path, f"'{path}': address {text!r}: {problem}"


def _not_embedded(path: str, address: Address) -> str:
    """What is wrong with an address under `embed.latents`, or ""."""
    if path != "embed.latents" or (address.root == "encoded" and address.rows is None):
        return ""
    return "what leaves a recipe are all rows of a tower on a view, as main(a).nodes"


def _too_early(path: str, address: Address) -> str:
    """What is wrong with reading the values of a term there, or ""."""
    if address.root != "loss" or path.startswith("states."):
        return ""
    return "the values of a term are known when its step is over; a state reads them"


def _no_table(path: str, address: Address) -> str:
    """What is wrong with an address under `train.apart`, or ""."""
    if path != "train.apart" or (address.root == "state" and address.rows is None):
        return ""
    return "what is kept apart is said by a state's table, as state.NAME.assignment"


def _apart(tree: Tree) -> Iterator[tuple[str, str, bool]]:
    """The address under `train.apart`, as :func:`addresses` gives others."""
    text = (tree.get("train") or {}).get("apart")
    if isinstance(text, str) and text:
        yield "train.apart", text, False


def _embedded(tree: Tree) -> Iterator[tuple[str, str, bool]]:
    """The addresses of `embed.latents`, as :func:`addresses` gives others."""
    latents = (tree.get("embed") or {}).get("latents")
    for text in latents if isinstance(latents, list) else []:
        if isinstance(text, str):
            yield "embed.latents", text, False


def _drawn_sets(view: Mapping[str, Any]) -> Iterator[str]:
    """The row sets that a view's augmenters draw."""
    yield from _sets_of(view.get("augment") or {})


def _sets_of(augmenters: Mapping[str, Any]) -> Iterator[str]:
    """The row sets that augmenters draw, or those that they choose among."""
    for label, options in augmenters.items():
        try:
            known = schema.part_schema("augmenter", part_name(label))
        except UserError:
            continue  # said elsewhere
        yield from known["meta"].get("row_sets", ())
        for option, value in (options or {}).items():
            if known["options"].get(option, {}).get("schema", {}).get("format") == "augmenters":
                yield from _sets_of(value)


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
    if address.root == "loss":
        labels = [*(tree.get("terms") or {}), *(tree.get("regularizers") or {})]
        return "" if address.name in labels else missing("term", address.name, labels)
    if address.root != "encoded":
        return ""
    if address.view not in views:
        return missing("view", address.view, views)
    if address.tower not in towers and address.tower not in states:
        return missing("tower", address.tower, [*towers, *states])
    heads = [*(tree.get("heads") or {}), *(tree.get("latents") or {})]
    known = [*LEVELS, *heads]
    if address.level not in known:
        return missing("level or head", address.level, known)
    return ""
