"""Single values laid over a tree: ``key=value``, ``+list=item``, ``~list=item``."""

from __future__ import annotations

from typing import Any

from graphcl.core.config.tree import (
    COMMAND_LINE,
    PART_LISTS,
    PART_MAPPINGS,
    Origins,
    Tree,
    lay,
    long_path,
    next_label,
    part,
    part_list,
)
from graphcl.core.config.yaml12 import scalar
from graphcl.core.errors import UserError, suggestion


def assign(tree: Tree, origins: Origins, text: str, source: str = COMMAND_LINE) -> None:
    """Apply one override in place: ``key=value``, ``+list=item``, ``~list=item``.

    Raises:
        UserError: not of that form, or a path that runs through something that is not a mapping.
    """
    if not isinstance(text, str):
        raise UserError(f"{source}: an override is text of the form key=value, got {text!r}")
    path, equals, literal = text.partition("=")
    operation = path[:1] if path[:1] in "+~" and path else ""
    path = path.removeprefix(operation).strip()
    if not equals or not path:
        raise UserError(f"{source}: {text!r} is not of the form key=value")
    put(tree, origins, path, scalar(literal, f"{source} ({path})"), source, operation)


def put(tree: Tree, origins: Origins, path: str, value: Any, source: str, operation: str = "") -> None:
    """Set the value at a dotted path in place; with ``+`` or ``~`` add it to or take it from the list there.

    A mapping is laid over the mapping that is there, as a file's would be (:func:`~graphcl.core.config.tree.merge`).
    ``*`` in a path stands for every name at its place; in ``views.*.augment.drop_edges.p`` for every view that drops
    edges.

    Raises:
        UserError: the path runs through something that is not a mapping, or ``*`` stands for nothing.
    """
    if "*" in path.split("."):
        for one in _each_path(tree, path, source):
            put(tree, origins, one, value, source, operation)
        return
    path = long_path(path)
    if path == "data" and not isinstance(value, dict):
        path = "data.name"
    keys = path.split(".")
    if operation:
        _edit_list(tree, origins, keys, operation, value, source)
        return
    parent = _descend(tree, keys[:-1], path, source)
    new = _canonical_at(keys, value, source)
    lay(parent, keys[-1], new, path, origins)
    origins.update(dict.fromkeys([path, *_leaves(path, new)], source))


def _leaves(path: str, value: Any) -> list[str]:
    """The dotted paths of what a value sets."""
    if not isinstance(value, dict) or not value:
        return [path]
    return [leaf for key, below in value.items() for leaf in _leaves(f"{path}.{key}", below)]


def _each_path(tree: Tree, path: str, source: str) -> list[str]:
    """The path with its first ``*`` replaced by each name at its place, of views by those that have the augmenter."""
    before, _, after = long_path(path).partition("*")
    node = _below(tree, before.split(".")[:-1])
    if not isinstance(node, dict) or not node:
        raise UserError(f"{source}: '{path}': the recipe has nothing that '*' could stand for")
    keys = after.split(".")[1:]
    label = keys[1] if keys[:1] == ["augment"] and len(keys) > 2 else None  # an option of one: it must be there
    having = [name for name in node if label and label in (_below(node, [name, "augment"]) or {})]
    return [f"{before}{name}{after}" for name in having or node]


def _below(node: Any, keys: list[str]) -> Any:
    """What is under these keys; None where nothing is."""
    for key in keys:
        node = node.get(key) if isinstance(node, dict) else None
    return node


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
    named = (len(keys) == 2 and keys[0] in (*PART_MAPPINGS, "views")) or keys[-2:-1] == ["augment"]
    if named and keys[-1] not in parent:  # what has a name is set under it; only a list is added to
        raise UserError(f"{source}: '{path}': there is nothing to add to or take from; to make it, {path}=...")
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
