"""What ``train`` and ``resume`` share: who watches, and what is said before and after."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphcl.cli.output import Output
from graphcl.core.launched import is_first

if TYPE_CHECKING:
    from rich.console import RenderableType

    from graphcl.core.config.recipe import Recipe
    from graphcl.engine.observe import Observer


def announce(output: Output, recipe: Recipe, folder: Path, overrides: Sequence[str]) -> None:
    """Which recipe, which settings, which data, and where the run will lie."""
    files = dict.fromkeys(
        place.rpartition(":")[0] for place in recipe.origins.values() if place.rpartition(":")[2].isdigit()
    )
    output.say(f"recipe {recipe.name}: {', '.join(files)}" + (f"; {' '.join(overrides)}" if overrides else ""))
    data = recipe["data"]
    if not data.get("path") and recipe.origins.get("data.name", "").startswith("configs/"):
        output.say(f"data {data['name']}, the offline default; data.path=FILE takes your own")
    places = [recipe.origins.get(key, "").rpartition(":")[0] for key in ("data.name", "data.path")]
    if data.get("path") and data.get("name") and places[0] and places[0] == places[1]:
        output.say(f"{places[0]} has data.path and data.name: {data['path']} is read, {data['name']} is not")
    output.say(f"run {folder}")


def announced(recipe: Recipe, say: Callable[[], None], quiet: bool) -> list[Observer]:
    """:func:`observers`, after an announcement that waits for the first event: a mistake is one line alone."""
    from graphcl.engine.observe import Observer

    class Announcement(Observer):
        said = False

        def note(self, text: str) -> None:
            if not self.said:
                say()
            self.said = True

    return [Announcement(), *observers(recipe, quiet)]


def observers(recipe: Recipe, quiet: bool) -> list[Observer]:
    """A bar on a terminal, lines elsewhere, nobody when quiet."""
    if quiet:
        return []
    from rich.console import Console

    from graphcl.report.progress import watcher

    return [watcher(recipe["train.monitor"], console=Console(stderr=True))]


@contextmanager
def interruptible(output: Output, folder: Path) -> Iterator[None]:
    """Say how to go on when a training is interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        if is_first() and (folder / "run.json").is_file():
            output.say(f"interrupted; go on with: graphcl resume {folder}")
        raise


def finished(output: Output, folder: Path) -> None:
    """The result of a run: table, best epoch, time, and where it lies. The first process says it."""
    if not is_first():
        return
    from graphcl.core.files import read_json
    from graphcl.engine.run import RunFolder

    run = RunFolder(folder)
    metrics, protocol, name = read_json(run.metrics), read_json(folder / "protocol.json"), run.info()["recipe"]
    facts = {key: protocol.get(key) for key in ("best_epoch", "epochs", "seconds", "parameters")}
    value = {"run": str(folder), "recipe": name, **facts, "metrics": metrics}
    output.result(value, lambda: _shown(name, folder, metrics, protocol))


def _shown(name: str, folder: Path, metrics: dict[str, Any], protocol: dict[str, Any]) -> list[RenderableType]:
    from graphcl.report.tables import columns, indicators, metrics_table, spoken

    facts = [f"best epoch {protocol['best_epoch']} of {protocol['epochs']}"]
    monitor = metrics.get(f"valid/{protocol['monitor']}")
    facts += [f"valid {protocol['monitor']} {monitor:.4f}"] if monitor is not None else []
    facts += [f"{protocol['seconds']:,.1f} s", f"{protocol['parameters']:,} parameters"]
    lines = [*spoken(protocol), ", ".join(facts), indicators(metrics), f"run {folder}"]
    said, table = protocol.get("protocol", ""), columns(metrics, name)
    judged: list[RenderableType] = [metrics_table(table, "test")] if table[name] else []
    return [*judged, "\n".join(line for line in [said, *lines] if line)]
