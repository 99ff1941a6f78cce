"""What the commands over graphs of texts share."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from graphcl.core.errors import UserError

if TYPE_CHECKING:
    from graphcl.cli.output import Output
    from graphcl.data.graphs.labelled import NodeGraph

#: Its data block, where only data is named.
_ANY_RECIPE = "grace"
#: Seconds between two lines about work under way.
_LINE_SECONDS = 10.0


def load_texts(
    recipe: str, overrides: Sequence[str], data_root: Path | None, output: Output, *, features: str = ""
) -> NodeGraph:
    """The data of a recipe, or of a first setting in its place, whose nodes have texts.

    ``features`` stands for the recipe's own, where these would be made of the texts for nothing.

    Raises:
        UserError: the recipe is not of nodes, or these have no texts.
    """
    from graphcl.core.config.recipe import load_recipe

    if "=" in recipe:
        recipe, overrides = _ANY_RECIPE, [recipe, *overrides]
    loaded = load_recipe(recipe, overrides)
    if loaded["task"] != "node":
        raise UserError(f"{loaded.name} is a recipe for the task {loaded['task']!r}; what is read are texts of nodes")
    loaded = loaded.override(f"data.features={features}") if features else loaded
    from graphcl.data.make_text_views import node_texts
    from graphcl.engine.prepare import load_data

    data: NodeGraph = load_data(loaded, data_root=data_root)
    node_texts(data)  # refused before anything is said or paid for
    for line in data.report.lines():
        if not (features and line.startswith("features:")):  # they are not those of a recipe
            output.say(line)
    return data


def now_and_then(output: Output) -> Callable[[Callable[[], str]], None]:
    """A function that says the line it is given, but not more often than every ten seconds."""
    last = [time.monotonic()]

    def say(line: Callable[[], str]) -> None:
        if time.monotonic() - last[0] >= _LINE_SECONDS:
            last[0] = time.monotonic()
            output.say(line())

    return say
