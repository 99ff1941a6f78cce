"""How many threads libraries work on."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any


@cache
def _libraries() -> Any:
    """The libraries with threads of their own that are loaded at the first call; finding them takes milliseconds."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def one_thread() -> AbstractContextManager[Any]:
    """Within it, scikit-learn and the linear algebra under it work on one thread.

    Sums of several threads end in other last bits, and small fits mostly wait for each other.
    Import the library before; one that is loaded after the first call is not held back.
    """
    return _libraries().limit(limits=1)
