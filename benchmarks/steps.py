"""Steps of a training, or of a loop of another library, with their times and memory."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.cells import data_root

if TYPE_CHECKING:
    from graphcl.core.config.recipe import Recipe
    from graphcl.engine.training import Training
    from graphcl.tasks.base import Task


def ready(recipe: Recipe) -> tuple[Task, Any]:
    """The task of a recipe with its data read, and the device it is computed on; threads are set."""
    from graphcl.engine.prepare import load_data, make_task, set_up

    root = data_root()
    device = set_up(recipe)
    return make_task(recipe, load_data(recipe, data_root=Path(root) if root else None)), device


def engine_steps(recipe: Recipe, task: Task, device: Any, steps: int) -> tuple[dict[str, Any], Training]:
    """Train so many steps: wall and CPU seconds of each but the first, which warms up, and peak memory of all."""
    from benchmarks.clock import Clock, Enough
    from benchmarks.memory import extra_peak
    from graphcl.engine.training import Training

    clock = Clock(steps)
    training = Training(recipe, task, observer=clock, run=None, device=device, validate=False)
    with extra_peak() as memory, suppress(Enough):
        training.train()
    return {"wall": clock.wall[1:], "cpu": clock.cpu[1:], **memory}, training


def other_steps(step: Callable[[], None], steps: int) -> dict[str, Any]:
    """The same of any function."""
    from benchmarks.clock import now
    from benchmarks.memory import extra_peak

    times = []
    with extra_peak() as memory:
        for _ in range(steps):
            start = now()
            step()
            times.append([round(after - before, 4) for before, after in zip(start, now(), strict=True)])
    wall, cpu = zip(*times[1:], strict=True)
    return {"wall": list(wall), "cpu": list(cpu), **memory}
