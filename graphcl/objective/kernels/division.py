"""Kernels shared among processes that hold equal operands: each takes its share of the anchors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from torch import Tensor


class Division(Protocol):
    """The processes among which work is divided.

    Attributes:
        count: How many they are.
        sizes: Of ``number`` things, how many fall to each.
    """

    count: int

    def share(self, number: int) -> slice:
        """Which of ``number`` things are this process's."""
        ...

    def sizes(self, number: int) -> list[int]:
        """How many of ``number`` things fall to each process."""
        ...

    def gather(self, x: Tensor, sizes: Sequence[int] | None = None) -> Tensor:
        """The rows of all processes, one after the other."""
        ...


_DIVISION: ContextVar[Division | None] = ContextVar("graphcl_kernels_division", default=None)


@contextmanager
def divided(division: Division) -> Iterator[None]:
    """Inside, log-sum-exps are divided among processes, all of which call the same kernels on equal operands.

    Values are equal to the undivided ones on every process. The gradient of each process is ``count`` times that of
    its share, so that the mean of the gradients over the processes is the gradient.
    """
    token = _DIVISION.set(division)
    try:
        yield
    finally:
        _DIVISION.reset(token)


def current_division() -> Division | None:
    """The processes that share the work, or None where this one does it all."""
    return _DIVISION.get()
