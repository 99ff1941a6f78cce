"""All problems of a recipe at once, before any data is read and without importing torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from graphcl.core import registry, schema
from graphcl.core.config import levels
from graphcl.core.config.addresses import check_addresses
from graphcl.core.config.data_kinds import data_schema
from graphcl.core.config.learned import learned_augmenters
from graphcl.core.config.part_names import check_names
from graphcl.core.config.tree import EVERY, PART_LISTS, PART_MAPPINGS, TOP_KEYS, Origins, Tree, part_name
from graphcl.core.config.values import Problem, block_schema, check_options, check_part, non_finite, unknown_key
from graphcl.core.errors import UserError, nearest
from graphcl.core.words import listed

#: What a probe needs, in words.
_NEEDED = {"links": "links of nodes", "future": "what comes after windows (data.kind=window_set)"}


def check(tree: Tree, origins: Origins) -> list[str]:
    """Every problem of a canonical tree as ``file:line: message``, in the order of the file."""
    return placed(_problems(tree), origins)


def placed(problems: Iterable[Problem], origins: Mapping[str, str]) -> list[str]:
    """Problems as lines that say where the value was written, each once."""
    return list(dict.fromkeys(f"{_origin(path, origins)}: {message}" for path, message in problems))


def _origin(path: str, origins: Mapping[str, str]) -> str:
    while path and path not in origins:
        path = path.rpartition(".")[0]
    return origins.get(path, "recipe")


def _problems(tree: Tree) -> Iterator[Problem]:
    for key in tree:
        if key not in TOP_KEYS:
            yield key, unknown_key(key, [*TOP_KEYS, "encoder"])
    yield from non_finite(tree, "")
    try:
        task_schema = schema.part_schema("task", _task_name(tree))
    except UserError as error:
        yield "task", str(error)
        task_schema = None
    if task_schema is not None:
        yield from check_options(task_schema, tree.get("eval") or {}, "eval")
        yield from _probe(task_schema, tree.get("eval") or {})
        yield from _data(tree["task"], tree.get("data") or {})
    yield from check_options(block_schema("Train"), tree.get("train") or {}, "train")
    yield from check_options(block_schema("Embed"), tree.get("embed") or {}, "embed")
    yield from _embedded_view(tree)
    yield from _per_data(tree.get("per_data") or {})
    yield from check_names(tree)
    yield from _parts(tree)
    yield from _heads(tree)
    yield from _views(tree)
    yield from _phases(tree)
    if task_schema is not None:
        yield from check_addresses(tree, task_schema["meta"])


def _data(task: str, data: Any) -> Iterator[Problem]:
    try:
        description = data_schema(task, data)
    except UserError as error:
        yield "data.kind", str(error)
    else:
        yield from check_options(description, data, "data")


def _embedded_view(tree: Tree) -> Iterator[Problem]:
    """``embed.view`` is a view of the recipe, where it names one."""
    view, views = (tree.get("embed") or {}).get("view"), tree.get("views") or {}
    if isinstance(view, str) and view and isinstance(views, dict) and view not in views:
        match = nearest(view, views)
        hint = f"; nearest: '{match}'" if match else f"; views: {', '.join(views)}"
        yield "embed.view", f"'embed.view' names no view: {view!r}{hint}"


def _per_data(settings: Any) -> Iterator[Problem]:
    """For each data set a mapping of paths; what a recipe drops of the one that it extends is not there any more."""
    if not isinstance(settings, dict):
        yield "per_data", f"'per_data' is a mapping from names of data sets to settings, got {settings!r}"
        return
    for name, values in settings.items():
        path = f"per_data.{name}"
        if name == EVERY:
            yield path, f"'{path}' may only be null, which drops what the recipe that is extended sets"
        elif values is not None and not isinstance(values, dict):
            yield path, f"'{path}' is a mapping from paths (train.lr) to values, got {values!r}"


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
            needs, has = description["meta"].get("needs"), task["meta"].get("can_judge")
            if needs and has and needs not in has:
                fit = [other for other in registry.names("probe") if _needs(other) in has]
                told = f"{name} judges {_NEEDED.get(needs, needs)}, which this task does not have"
                yield "eval.probe", f"'eval.probe': {told}; take one of {listed(fit, 9)}"


def _needs(probe: str) -> str:
    return str(schema.part_schema("probe", probe)["meta"].get("needs", ""))


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


def _parts(tree: Tree) -> Iterator[Problem]:
    for key, kind in PART_MAPPINGS.items():
        common = set(block_schema("Where")["options"]) if key in ("heads", "latents") else set()
        for name, spec in (tree.get(key) or {}).items():
            path = f"{key}.{name}"
            if not isinstance(spec.get("name"), str):
                yield path, f"'{path}' does not say which {kind} it is; known: {', '.join(registry.names(kind))}"
                continue
            options = {k: v for k, v in spec.items() if k != "name"}
            yield from check_part(kind, spec["name"], options, path, ignore=common)
    for key, kind in PART_LISTS.items():
        for label, options in (tree.get(key) or {}).items():
            yield from check_part(kind, part_name(label), options, f"{key}.{label}")


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
                yield from _beside(tree, name, spec, path)


def _beside(tree: Tree, name: str, spec: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """Options of a latent that name another level, which is read beside the one it is applied to."""
    try:
        options = schema.part_schema("augmenter", spec["name"])["meta"].get("beside", ())
    except UserError:
        return  # said elsewhere
    known = levels.applicable(tree, name)
    for option in options:
        if option in spec and spec[option] not in known:
            yield f"{path}.{option}", f"'{path}.{option}' is {spec[option]!r}; known at this place: {', '.join(known)}"


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
            yield from check_part("augmenter", part_name(label), options, f"{path}.augment.{label}")
            yield from _level("views", part_name(label), f"{path}.augment.{label}")
        spec = view.get("source") or {"name": "self"}
        options = {key: value for key, value in spec.items() if key != "name"}
        yield from check_part("source", spec.get("name", ""), options, f"{path}.source")
        source = view.get("hidden_of")
        if source and source not in views:
            yield f"{path}.hidden_of", f"'{path}.hidden_of' names no view: {source!r}; views: {', '.join(views)}"
        elif source and (source == name or views[source].get("hidden_of")):
            yield f"{path}.hidden_of", f"'{path}.hidden_of': view {source!r} must have layers of its own"


def _phases(tree: Tree) -> Iterator[Problem]:
    labels = [*(tree.get("terms") or {}), *(tree.get("regularizers") or {})]
    named = [name for group in ("towers", "heads", "latents") for name in tree.get(group) or {}]
    owners = [*named, *dict.fromkeys(learned_augmenters(tree).values()), *labels]
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
