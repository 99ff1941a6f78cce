"""Errors a user can cause. Each carries one line that says what, where and what to do."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable, Sequence
from types import ModuleType


class GraphCLError(Exception):
    """Base of every error that ends a command with one line on stderr and exit code 2."""

    exit_code = 2


class UserError(GraphCLError):
    """Something the user gave (file, column, key, value, shape) cannot be used."""


class ConfigError(UserError):
    """All problems of a configuration at once, one line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


class MissingExtra(GraphCLError):
    """An optional dependency is not installed; names the extra that brings it."""


class NonFiniteError(GraphCLError):
    """A term, a gradient or an input became NaN or infinite; names the culprit."""


def error_lines(error: GraphCLError) -> list[str]:
    """What is printed of an error: lines of a ConfigError begin with file:line, which editors jump to."""
    return error.problems if isinstance(error, ConfigError) else ["error: " + " ".join(str(error).split("\n"))]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to ``name``, one of the same letters before others; None when nothing is close."""
    matches = difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)
    same_letters = (match for match in matches if sorted(match) == sorted(name))
    return next(same_letters, matches[0] if matches else None)


def suggestion(name: str, known: Iterable[str]) -> str:
    """``; nearest: 'x'`` when a known name is close, else the list of known names."""
    names = sorted(known)
    match = nearest(name, names)
    if match is not None:
        return f"; nearest: {match!r}"
    return f"; known: {', '.join(names)}" if names else ""


def require(module: str, extra: str) -> ModuleType:
    """Import an optional module where it is used.

    Raises:
        MissingExtra: the module is not installed; the message names the extra.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        raise MissingExtra(
            f"this needs the package '{package}' ({error}); install it with: pip install 'graphcl[{extra}]'"
        ) from error
