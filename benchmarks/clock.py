"""Times of a training's epochs or steps, taken from outside by an observer."""

from __future__ import annotations

import time
from typing import Any

from graphcl.engine.observe import Observer


class Enough(Exception):
    """As many steps as asked for are done."""


class Clock(Observer):
    """Wall and CPU seconds of every epoch, or of every step until there are ``steps`` of them.

    Args:
        steps: Stop the training by :class:`Enough` after so many steps; 0 times epochs.
    """

    def __init__(self, steps: int = 0) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []
        self._steps = steps
        self._last = (0.0, 0.0)

    def started(self, **event: Any) -> None:
        self._last = now()

    def epoch_ended(self, **event: Any) -> None:
        if not self._steps:
            self._lap()

    def stepped(self, **event: Any) -> None:
        if self._steps:
            self._lap()
            if len(self.wall) == self._steps:
                raise Enough

    def _lap(self) -> None:
        wall, cpu = now()
        self.wall.append(round(wall - self._last[0], 4))
        self.cpu.append(round(cpu - self._last[1], 4))
        self._last = now()


def now() -> tuple[float, float]:
    """Wall and CPU seconds."""
    return time.perf_counter(), time.process_time()
