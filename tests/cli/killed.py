"""Train in processes that kill themselves at a chosen point.

    python killed.py PLAN.json

The plan is a list of ``{"point", "nth", "steps", "arguments"}``: train with these arguments, write a line to the file
``steps`` for each step that is done, and die the ``nth`` time that ``point`` is reached. The processes are forked from
one that has imported everything and computed nothing.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sklearn.cluster
import torch

from graphcl.cli.main import run
from graphcl.data.interactions import Interactions
from graphcl.engine import checkpoint
from graphcl.engine.checkpoint import Progress
from graphcl.engine.stepper import Stepper
from graphcl.tasks.base import Batch
from graphcl.tasks.recommend import Recommend


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def on_call(owner: Any, name: str, nth: int, act: Callable[..., None]) -> None:
    """Call ``act`` with the arguments of the nth call of ``owner.name``, in front of it."""
    original, calls = getattr(owner, name), 0

    def wrapped(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth:
            act(original, *arguments, **options)
        return original(*arguments, **options)

    setattr(owner, name, wrapped)


def half_written(save_file: Callable[..., None], tensors: Any, path: Path, **options: Any) -> None:
    save_file(tensors, path, **options)
    os.truncate(path, os.path.getsize(path) // 2)
    die()


POINTS: dict[str, Callable[[int], None]] = {
    "step": lambda nth: on_call(torch.optim.Adam, "step", nth, lambda *_, **__: die()),
    "evaluation": lambda nth: on_call(Recommend, "rank", nth, lambda *_, **__: die()),
    "checkpoint": lambda nth: on_call(checkpoint, "save_file", nth, half_written),
    "rename": lambda nth: on_call(os, "replace", nth, lambda *_, **__: die()),
    "kmeans": lambda nth: on_call(sklearn.cluster.KMeans, "fit_predict", nth, lambda *_, **__: die()),
    "data": lambda nth: on_call(Interactions, "save", nth, lambda *_, **__: die()),
    "ctrl_c": lambda nth: on_call(torch.optim.Adam, "step", nth, lambda *_, **__: os.kill(os.getpid(), signal.SIGINT)),
}


def count_steps(file: Path) -> None:
    """Write stage and number of every step that is done; unbuffered, so that a killed process has written them all."""
    step = Stepper._step

    def counted(stepper: Stepper, batch: Batch, p: Progress) -> dict[str, float]:
        values = step(stepper, batch, p)
        with file.open("a") as lines:
            lines.write(f"{p.stage} {p.step}\n")
        return values

    Stepper._step = counted  # type: ignore[method-assign]


def train_until_killed(case: dict[str, Any]) -> None:
    """Never returns."""
    try:
        count_steps(Path(case["steps"]))
        POINTS[case["point"]](case["nth"])
        os._exit(run(case["arguments"]))
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def main(plan: Path) -> None:
    for case in json.loads(plan.read_text()):
        child = os.fork()
        if child == 0:
            train_until_killed(case)
        status = os.waitpid(child, 0)[1]
        print(json.dumps({"signal": os.WTERMSIG(status), "code": os.WEXITSTATUS(status)}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
