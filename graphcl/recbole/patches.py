"""Names of other packages, replaced for a time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import ModuleType
from typing import Any

_ABSENT: Any = object()


class Patches:
    """What was replaced, so that it can be put back."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def set(self, owner: Any, name: str, value: Any) -> None:
        """Replace, or add, an attribute of a module or class."""
        before = vars(owner).get(name, _ABSENT)

        def put_back() -> None:
            if before is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, before)

        setattr(owner, name, value)
        self._undo.append(put_back)

    def add_module(self, name: str, module: ModuleType) -> None:
        """Make a module importable under a name that no module has."""
        sys.modules[name] = module
        self._undo.append(partial(sys.modules.__delitem__, name))

    def undo(self) -> None:
        """Put everything back, the last change first."""
        while self._undo:
            self._undo.pop()()


@contextmanager
def importable(modules: Mapping[str, ModuleType]) -> Iterator[None]:
    """Modules that can be imported inside under names that no module has; also a decorator of functions."""
    patches = Patches()
    for name, module in modules.items():
        patches.add_module(name, module)
    try:
        yield
    finally:
        patches.undo()


class Over(ModuleType):
    """A module with some of its names replaced, to stand among the globals of one other module."""

    def __init__(self, module: ModuleType, **names: Any) -> None:
        super().__init__(module.__name__)
        self._module = module
        vars(self).update(names)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)
