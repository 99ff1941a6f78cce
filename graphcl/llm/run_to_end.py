"""A coroutine run to its end from anywhere, in a notebook too, and the one error of a group of tasks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")


def run_to_end(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What the coroutine returns or raises; it has a loop of its own, and a thread where the caller's loop is busy."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(make())
    return _in_a_thread(make)  # in a notebook, whose loop is busy with the caller


def _in_a_thread(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    done: list[T] = []
    raised: list[BaseException] = []

    def work() -> None:
        try:
            done.append(asyncio.run(make()))
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
    return done[0]


def raise_first(group: BaseExceptionGroup) -> NoReturn:
    """The error itself, for which the other tasks were cancelled."""
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    raise first
