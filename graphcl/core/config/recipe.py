"""A recipe: found by name or path, merged, checked, with every default written out."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from graphcl.core import registry
from graphcl.core.config import yaml12
from graphcl.core.config.canonical import MalformedError, canonical, written
from graphcl.core.config.check import check, placed
from graphcl.core.config.data_kinds import data_part
from graphcl.core.config.data_names import unknown_data
from graphcl.core.config.data_source import put_back, settle, taken_out
from graphcl.core.config.defaults import with_defaults
from graphcl.core.config.monitors import check_monitor
from graphcl.core.config.overrides import assign, put
from graphcl.core.config.tree import COMMAND_LINE, KEYWORD, Origins, Tree, long_path, merge
from graphcl.core.config.user_paths import absolute_paths, missing_paths, with_home
from graphcl.core.errors import ConfigError, UserError, suggestion
from graphcl.core.paths import share
from graphcl.core.plugins import import_plugins
from graphcl.core.schema import part_schema

Layer = tuple[Tree, Origins]
_MONITOR = "train.monitor"


@dataclass(frozen=True)
class Recipe:
    """A checked recipe.

    Attributes:
        name: The recipe's name (its file's stem).
        tree: The canonical tree with every default filled in.
        origins: Dotted path -> where the value was written; a path that is absent holds a default.
    """

    name: str
    tree: Mapping[str, Any]
    origins: Mapping[str, str]

    def __getitem__(self, path: str) -> Any:
        """The value at a dotted path, e.g. ``recipe["train.lr"]``."""
        node: Any = self.tree
        for key in path.split("."):
            node = node[key]
        return node

    @property
    def data_part(self) -> str:
        """Name of the data part that reads its data."""
        return data_part(self.tree["task"], self.tree["data"])

    def override(self, *assignments: str) -> Recipe:
        """The recipe with ``key=value`` assignments applied, checked again."""
        return _finish(self.name, *_assigned(self._layer(), assignments))

    def with_settings(self, settings: Mapping[str, Any]) -> Recipe:
        """The recipe with settings as of :func:`load_recipe` laid over it, checked again."""
        return _finish(self.name, *_set(self._layer(), settings))

    def _layer(self) -> Layer:
        """What other settings can be laid over."""
        tree = copy.deepcopy(dict(self.tree))
        if _MONITOR not in self.origins:
            tree["train"]["monitor"] = ""  # the default is another where another probe judges
        return tree, dict(self.origins)

    def with_absolute_paths(self) -> Recipe:
        """The recipe as it reads from any folder: paths that are relative to this one are written out."""
        return replace(self, tree=absolute_paths(self.tree))

    def unknown_data(self) -> list[str]:
        """A line where it reads a data set by a name that nothing has."""
        return placed(unknown_data(self.tree), self.origins)

    def missing_paths(self) -> list[str]:
        """A line for every file or folder that it names and that is not there."""
        return placed(missing_paths(self.tree), self.origins)

    def to_yaml(self) -> str:
        """The resolved tree; :func:`load_recipe` reads it back."""
        return yaml12.dump(written(self.tree))


def recipe_names() -> list[str]:
    """Names of the packed recipes."""
    return sorted(path.stem for path in share("configs").glob("*.yaml"))


def find_recipe(name: str) -> Path:
    """The file of a recipe, given by name or by path.

    Raises:
        UserError: neither; names the nearest.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise UserError(f"recipe file {name} does not exist")
        return path
    packed = share("configs") / f"{name}.yaml"
    if not name.replace("_", "").replace("-", "").isalnum() or not packed.is_file():
        raise UserError(f"unknown recipe {name!r}{suggestion(name, recipe_names())}; a file is given as path.yaml")
    return packed


def load_recipe(
    name: str,
    overrides: Sequence[str] = (),
    *,
    files: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    allow_plugins: bool = False,
) -> Recipe:
    """Read, merge and check a recipe: recipe <- data card <- files <- settings <- overrides.

    Args:
        name: A packed recipe's name, or a path to a YAML file.
        overrides: ``key=value``, ``+list=item``, ``~list=item``.
        files: Further YAML files laid over the recipe.
        settings: Keys of a recipe as Python values: ``{"train": {"epochs": 5}, "views.a.augment.drop_edges.p": 0.3}``.
        allow_plugins: Whether modules named under ``plugins:`` may be imported.

    Raises:
        ConfigError: all problems at once.
        UserError: unknown recipe, unreadable file, plugins not allowed.
    """
    path = find_recipe(name)
    base = _layer(path)
    top: Layer = ({}, {})
    for file in files:
        top = _over(top, _layer(find_recipe(file)))
    asked = _assigned(_set(_over(base, top), settings or {}), overrides)
    plugins = asked[0].get("plugins") or []
    if plugins:
        import_plugins(plugins, where=str(path), allowed=allow_plugins, folder=path.parent)
    data = asked[0].get("data") or {}
    if data.get("name") and not data.get("path"):
        base = _for_data(base, str(data["name"]), data)
        asked = _assigned(_set(_over(base, top), settings or {}), overrides)
    recipe = _finish(path.stem, *asked)
    if _MONITOR in recipe.origins and (problems := placed(check_monitor(recipe.tree), recipe.origins)):
        raise ConfigError(problems)
    return recipe


def read_resolved(path: Path, name: str) -> Recipe:
    """The recipe that a run wrote (plugins already imported by the caller's choice)."""
    tree, origins = _layer(path)
    return _finish(name, tree, origins)


def _finish(name: str, tree: Tree, origins: Origins) -> Recipe:
    tree, origins = merge({}, {}, tree, origins)  # drops what was removed by null
    problems = check(tree, origins)
    if problems:
        raise ConfigError(problems)
    full = with_home(with_defaults(tree))
    if full.get("sources"):
        full["sources"] = {path: text for path, text in full["sources"].items() if _stands(path, full, origins)}
    return Recipe(name, full, origins)


def _stands(path: str, tree: Tree, origins: Origins) -> bool:
    """Whether a reason's value is still there, and not from the command line (see :func:`merge` for files)."""
    node: Any = tree
    for key in long_path(path).split("."):
        if not isinstance(node, dict) or key not in node:
            return False
        node = node[key]
    return origins.get(long_path(path)) not in (COMMAND_LINE, KEYWORD)


def _layer(path: Path, chain: tuple[Path, ...] = ()) -> Layer:
    """A file in canonical form, laid over what it ``extends``."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read recipe {path}: {error}") from error
    source = _shown(path)
    raw, lines = yaml12.load(text, source)
    if not raw:
        raise UserError(f"{source} is empty; a recipe may begin with `extends: grace`")
    try:
        layer = canonical(raw, lines, source)
    except MalformedError as error:  # what has a form is checked all the same, unless a parent completes it
        others = [] if "extends" in error.tree else check(*merge({}, {}, error.tree, error.origins))
        raise ConfigError([*error.problems, *others]) from error
    parent = layer[0].pop("extends", None)
    if parent is None:
        return layer
    chain = (*chain, path.resolve())
    above = _parent(parent, source, path.parent)
    if above.resolve() in chain:
        raise UserError(f"{source}: 'extends' must name another recipe, without a circle; got {parent!r}")
    return _over(_layer(above, chain), layer)


def _over(base: Layer, top: Layer) -> Layer:
    """A file's layer over another; of a name and a path in one file, as a run writes them, the path is read."""
    tree, origins = merge(*base, *top)
    settle(tree, origins, top[1])
    return tree, origins


def _parent(name: Any, source: str, folder: Path) -> Path:
    """The file of the recipe that ``source`` in ``folder`` extends: beside it, in the current folder, or packed."""
    if not isinstance(name, str):
        raise UserError(f"{source}: 'extends' must name another recipe, got {name!r}")
    if Path(name).suffix in (".yaml", ".yml") and not Path(name).is_absolute():
        if (folder / name).is_file():
            return folder / name
        if not Path(name).is_file():
            where = " and in ".join(dict.fromkeys(str(one.resolve()) for one in (folder, Path())))
            raise UserError(f"{source}: 'extends': recipe file {name} does not exist; looked for in {where}")
    try:
        return find_recipe(name)
    except UserError as error:
        raise UserError(f"{source}: 'extends': {error}") from error


def _shown(path: Path) -> str:
    """``configs/x.yaml`` for a packed recipe, else the path as given."""
    packed = share("configs")
    return f"configs/{path.name}" if path.parent == packed else str(path)


def _for_data(base: Layer, data_name: str, data: Any) -> Layer:
    """The recipe with what the data card, and then its own ``per_data`` paths, set for a data set.

    ``data`` is the block that was asked for, which says the kind of the data.
    """
    card = share("datasets") / f"{data_name}.yaml"
    if data_name.replace("-", "").replace("_", "").isalnum() and card.is_file():
        source = f"datasets/{card.name}"
        raw, lines = yaml12.load(card.read_text(encoding="utf-8"), source)
        _require_task(data_name, raw, {**base[0], "data": data})
        shifted = {path[1:]: line for path, line in lines.items() if path[:1] == ("defaults",)}
        base = merge(*base, *canonical(raw.get("defaults") or {}, shifted, source))
    tree, origins = merge({}, {}, *base)
    named = tree.get("per_data")
    own = (named.get(data_name) if isinstance(named, dict) else None) or {}
    where = origins.get(f"per_data.{data_name}", "recipe")
    if not isinstance(own, dict):
        raise UserError(f"{where}: 'per_data.{data_name}' is a mapping from paths (train.lr) to values, got {own!r}")
    for path, value in own.items():  # of which a recipe may have some from the one that it extends
        put(tree, origins, str(path), value, origins.get(f"per_data.{data_name}.{path}", where))
    return tree, origins


def _require_task(data_name: str, card: Mapping[str, Any], tree: Tree) -> None:
    """Refuse a data set of a task that reads other data, before its settings are taken for the recipe's.

    Raises:
        UserError: names both tasks, or both kinds of data of one.
    """
    known, of, task = registry.names("task"), card.get("task"), tree.get("task")
    if of not in known or task not in known:
        return
    sort, own_sort = data_part(of, card), data_part(task, tree.get("data"))
    part = part_schema("data", own_sort)
    if _reads(part_schema("data", sort)) == _reads(part):
        return
    own_name = part["options"].get("name", {}).get("default")
    if data_name != own_name:  # a data part may make its own of a name that another's card has
        theirs, ours = (f"the task {of!r}", f"this recipe's task is {task!r}")
        if of == task:
            theirs, ours = f"the kind {sort!r}", f"this recipe reads {own_sort!r}"
        raise UserError(f"data.name: {data_name} is a data set for {theirs}, and {ours}; see graphcl list data")


def _reads(data_part: Mapping[str, Any]) -> str:
    """What a data part reads; several may make different things of the same files."""
    return str(data_part["meta"].get("reads") or data_part["class"])


def _assigned(layer: Layer, overrides: Sequence[str]) -> Layer:
    tree, origins = merge({}, {}, *layer)
    before = taken_out(origins)
    problems = []
    for text in overrides:
        try:
            assign(tree, origins, text)
        except UserError as error:
            problems.append(str(error))
    problems += filter(None, [settle(tree, origins, put_back(origins, before))])
    if problems:
        raise ConfigError(problems)
    return tree, origins


def _set(layer: Layer, settings: Mapping[str, Any]) -> Layer:
    """A layer with keyword settings laid over it; a dotted key is a path."""
    top, origins = canonical({key: value for key, value in settings.items() if "." not in key}, {}, KEYWORD)
    below = dict(layer[1])
    before = taken_out(below)
    tree, origins = merge(layer[0], below, top, dict.fromkeys(origins, KEYWORD))
    for path, value in settings.items():
        if "." in path:
            put(tree, origins, path, value, KEYWORD)
    if wrong := settle(tree, origins, put_back(origins, before)):
        raise ConfigError([wrong])
    return tree, origins
