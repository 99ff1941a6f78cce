"""Sentences for whoever watches, from where no observer is at hand: parts that take long to make."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_LISTENER: ContextVar[Callable[[str], None] | None] = ContextVar("listener", default=None)
#: Between two sentences about one piece of work.
PAUSE_SECONDS = 10.0


@contextmanager
def telling(listener: Callable[[str], None]) -> Iterator[None]:
    """Inside, :func:`tell` calls the listener."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def tell(sentence: str) -> None:
    """Say it, where anybody listens."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(sentence)


def progress() -> Callable[[Callable[[], str]], None]:
    """A function that says the sentence it is given, but not more often than every ten seconds."""
    last = time.monotonic()

    def say(sentence: Callable[[], str]) -> None:
        nonlocal last
        if time.monotonic() - last >= PAUSE_SECONDS:
            last = time.monotonic()
            tell(sentence())

    return say
