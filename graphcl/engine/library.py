"""``graphcl.fit``: from a recipe's name, Python values and a graph in memory to trained parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graphcl.core.config.recipe import Recipe, load_recipe
from graphcl.core.errors import UserError
from graphcl.core.registry import resolve
from graphcl.data.series.table import is_table
from graphcl.engine import fit as engine
from graphcl.engine.fitted import Fitted
from graphcl.engine.observe import Observer
from graphcl.engine.prepare import data_reader, require_objects
from graphcl.graph import is_graph

#: ``data.name`` of a graph that was given as an object.
GIVEN = "given"


class _Notes(Observer):
    """Keeps what a person should know."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def fit(
    recipe: Recipe | str,
    *,
    data: Any = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    data_root: str | Path | None = None,
    observers: Sequence[Observer] = (),
    allow_plugins: bool = False,
    **settings: Any,
) -> Fitted:
    """Train a recipe, choose the best epoch on validation, and evaluate once on test.

    Args:
        recipe: A recipe's name, or what :func:`graphcl.load` returned.
        data: A graph (torch_geometric, networkx or DGL), or a list of graphs for the task `graph`; a table (an array
            [time, metric] or a frame) for the task `rca`; the name of a data set; or a mapping of the recipe's `data`
            options. Labels are not needed: without them nothing is judged. Also what a data part's ``load`` returned.
            None takes the data that the recipe names.
        out: Folder of the run; None writes nothing.
        overwrite: Replace a run that is already there.
        data_root: Folder where data sets are looked up first.
        observers: What watches.
        allow_plugins: Whether modules that the recipe names under `plugins` may be imported.
        **settings: Keys of the recipe: ``train={"epochs": 50}``, ``encoder={"dim": 64}``,
            ``**{"views.a.augment.drop_edges.p": 0.3}``.

    Returns:
        The trained parts, embeddings and metrics.

    Raises:
        GraphCLError: anything a user can get wrong, in one line (a ConfigError: one line a problem).
    """
    given = is_given(data)
    if given:
        settings["data.name"] = GIVEN
    elif isinstance(data, str | Mapping):
        settings["data"], data = data, None
    elif data is not None and not hasattr(data, "report"):
        raise UserError(_no_data(data))
    loaded = _recipe(recipe, settings, allow_plugins)
    if given:
        data = load_given(loaded, data)
    notes = _Notes()
    fitted = engine.fit(
        loaded, out=out, overwrite=overwrite, data=data, data_root=data_root, observers=[notes, *observers]
    )
    fitted.notes = notes.notes
    return fitted


def _no_data(data: Any) -> str:
    """What to say of an object that is no data."""
    known = "a graph (torch_geometric, networkx, DGL), a list of graphs, the name of a data set or a mapping of options"
    if isinstance(data, list | tuple):
        if not data:
            return f"data: the list is empty; give {known}"
        odd = next(number for number, value in enumerate(data) if not is_graph(value))
        return f"data: element {odd} of the {type(data).__name__} is a {type(data[odd]).__name__}; give {known}"
    path = '; a file is data={"path": ...}' if isinstance(data, Path) else ""
    return f"data: got a {type(data).__name__}; give {known}{path}"


def _recipe(recipe: Recipe | str, settings: Mapping[str, Any], allow_plugins: bool) -> Recipe:
    if isinstance(recipe, str):
        return load_recipe(recipe, settings=settings, allow_plugins=allow_plugins)
    return recipe.with_settings(settings) if settings else recipe


def is_given(data: Any) -> bool:
    """Whether it is a graph, or several, of any library, or a table."""
    several = isinstance(data, list | tuple) and bool(data) and all(map(is_graph, data))
    return is_graph(data) or several or is_table(data)


def load_given(recipe: Recipe, data: Any) -> Any:
    """Check and split graphs or a table in memory as the recipe's data part does with files.

    Raises:
        UserError: the recipe's task takes no such objects.
    """
    part, kind = recipe.data_part, "table" if is_table(data) else "graph"
    require_objects(recipe, kind)
    takes = resolve("data", part).meta.get("takes", "graph")
    if kind != takes:
        raise UserError(f"data: got a {type(data).__name__}; the task {recipe['task']!r} takes a {takes} in memory")
    return data_reader(recipe, given=data).load(seed=recipe["train.seed"])
