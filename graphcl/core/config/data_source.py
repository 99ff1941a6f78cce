"""What data is read where both a name and a path are given: the path, unless the name came later."""

from __future__ import annotations

from collections.abc import Collection

from graphcl.core.config.tree import Origins, Tree

_NAME, _PATH = "data.name", "data.path"


def taken_out(origins: Origins) -> Origins:
    """Take the places of name and path out of ``origins``, in place, so that those set from now on show."""
    return {key: origins.pop(key) for key in (_NAME, _PATH) if key in origins}


def put_back(origins: Origins, before: Origins) -> list[str]:
    """Undo :func:`taken_out`, in place; returns which of the two were set meanwhile."""
    given = [key for key in (_NAME, _PATH) if key in origins]
    origins.update({key: place for key, place in before.items() if key not in given})
    return given


def settle(tree: Tree, origins: Origins, given: Collection[str]) -> str:
    """Let a data set that a layer of settings names take the place of a path that one below it gave. In place.

    Args:
        tree: With the layer's settings.
        origins: Its places.
        given: Dotted paths that the layer sets.

    Returns:
        What is wrong: the layer gives both; else "".
    """
    data = tree.get("data")
    if not (_NAME in given and isinstance(data, dict) and data.get("name") and data.get("path")):
        return ""
    if _PATH in given:
        name, path = data["name"], data["path"]
        return f"{origins[_NAME]}: 'data.name' ({name}) and 'data.path' ({path}) are two sets of data; leave one out"
    del data["path"]
    origins.pop(_PATH, None)
    return ""
