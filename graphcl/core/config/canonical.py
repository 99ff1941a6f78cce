"""Every way to write a recipe becomes one canonical tree (:mod:`graphcl.core.config.tree`), and back."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from graphcl.core.config.tree import PART_LISTS, PART_MAPPINGS, Origins, Tree, part, part_list, part_name
from graphcl.core.config.yaml12 import Path
from graphcl.core.errors import ConfigError, UserError


class MalformedError(ConfigError):
    """Blocks of a recipe have no form we know; ``tree`` and ``origins`` hold the others."""

    def __init__(self, problems: list[str], tree: Tree, origins: Origins) -> None:
        super().__init__(problems)
        self.tree, self.origins = tree, origins


def canonical(raw: Any, lines: Mapping[Path, int], source: str) -> tuple[Tree, Origins]:
    """Bring a raw document into canonical form.

    Args:
        raw: The document.
        lines: Line of each key and item, by its path in the document.
        source: Its file.

    Returns:
        The tree, and for every dotted path the ``file:line`` it came from.

    Raises:
        UserError: the document is not a mapping.
        MalformedError: a part is written in a form we do not know.
    """
    if raw is None:
        return {}, {}
    if not isinstance(raw, dict):
        raise UserError(f"{source}:1: a recipe is a mapping of keys, got {type(raw).__name__}")
    document = _Document(lines, source)
    problems = []
    for key, value in raw.items():
        try:
            document.put(key, value)
        except UserError as error:
            problems.append(str(error))
            document.tree["towers" if key == "encoder" else str(key)] = None
    if problems:
        raise MalformedError(problems, document.tree, document.origins)
    return document.tree, document.origins


class _Document:
    """A document on its way into canonical form, key by key.

    ``at`` is everywhere the path of a value in the document, ``dotted`` its path in the tree.
    """

    def __init__(self, lines: Mapping[Path, int], source: str) -> None:
        self.tree: Tree = {}
        self.origins: Origins = {}
        self.lines, self.source = lines, source

    def put(self, key: Any, value: Any) -> None:
        """Place one top-level key."""
        at: Path = (key,)
        if key == "encoder":
            self._put_part("towers", "main", value, at)
        elif key in PART_MAPPINGS:
            self.tree.setdefault(key, {})
            self._note(key, at)
            for name, given in self._mapping(value, key).items():
                self._put_part(key, str(name), given, (key, name))
        elif key in PART_LISTS:
            self.tree[key] = part_list(value, self._place(at))
            self._note(key, at)
            self._note_list(key, value, at)
        elif key == "views":
            self.tree["views"] = {}
            self._note(key, at)
            for name, view in self._mapping(value, key).items():
                self._put_view(name, view)
        elif key == "data" and not isinstance(value, dict):
            self.tree["data"] = {"name": value}
            self._note_all("data", self.tree["data"], at)
        else:
            self.tree[str(key)] = copy.deepcopy(value)
            self._note_all(str(key), value, at)

    def _put_part(self, group: str, name: str, given: Any, at: Path) -> None:
        """A part by name; None takes away what the recipe below has by this name."""
        dotted = f"{group}.{name}"
        spec = None if given is None else part(given, self._place(at))
        self.tree.setdefault(group, {})[name] = spec
        self._note_all(dotted, spec, at)
        self._note_options(dotted, given, at)

    def _put_view(self, name: Any, view: Any) -> None:
        """A view: its augmenters alone, or a mapping of options in which they are ``augment``."""
        at, dotted = ("views", name), f"views.{name}"
        self._note(dotted, at)
        if view is None:
            self.tree["views"][str(name)] = None
            return
        body = dict(view) if isinstance(view, dict) else {"augment": view}
        if "source" in body:
            body["source"] = part(body["source"], self._place(at))
        augment = body.get("augment")
        if augment is None:
            body.pop("augment", None)
        else:
            body["augment"] = part_list(augment, self._place(at))
        for option in body:
            self._note(f"{dotted}.{option}", (*at, option))
        self._note_list(f"{dotted}.augment", augment, (*at, "augment") if isinstance(view, dict) else at)
        self.tree["views"][str(name)] = body

    def _mapping(self, value: Any, key: str) -> dict[Any, Any]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise UserError(f"{self._place((key,))}: '{key}' is a mapping by name, got {value!r}")
        return value

    # --- where values were written --------------------------------------------------------------

    def _place(self, at: Path) -> str:
        """``file:line`` of a value, or of the nearest above it whose line is known."""
        while at and at not in self.lines:
            at = at[:-1]
        return f"{self.source}:{self.lines.get(at, 1)}"

    def _note(self, dotted: str, at: Path) -> None:
        self.origins[dotted] = self._place(at)

    def _note_all(self, dotted: str, value: Any, at: Path) -> None:
        """A value and all that is below it, where the tree has the form of the document."""
        self._note(dotted, at)
        if isinstance(value, dict):
            for key, item in value.items():
                self._note_all(f"{dotted}.{key}", item, (*at, key))

    def _note_list(self, dotted: str, value: Any, at: Path) -> None:
        """The parts of a list, and their options."""
        if isinstance(value, list):
            for position, label in enumerate(part_list(value, self.source)):
                self._note(f"{dotted}.{label}", (*at, position))
                self._note_options(f"{dotted}.{label}", value[position], (*at, position))

    def _note_options(self, dotted: str, given: Any, at: Path) -> None:
        """The options of a part as it is given: ``{name: {options}}`` or ``{name: NAME, **options}``."""
        if not isinstance(given, dict):
            return
        if len(given) == 1 and "name" not in given:
            ((name, options),) = given.items()
            at, given = (*at, name), options
        if isinstance(given, dict):
            for option in given:
                self._note(f"{dotted}.{option}", (*at, option))


def written(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The tree in the form people write: lists of parts as lists."""

    def listed(labels: Mapping[str, Mapping[str, Any]]) -> list[Any]:
        return [{part_name(label): dict(options)} if options else part_name(label) for label, options in labels.items()]

    def entries() -> Iterator[tuple[str, Any]]:
        for key, value in tree.items():
            if key in PART_LISTS:
                yield key, listed(value)
            elif key == "views":
                yield key, {name: {**view, "augment": listed(view["augment"])} for name, view in value.items()}
            elif value not in ({}, [], None, ""):
                yield key, value

    return dict(entries())
