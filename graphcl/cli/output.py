"""Where a command speaks: the result goes to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


class Output:
    """What a command prints.

    Args:
        as_json: The result is one JSON document instead of text and tables.
        quiet: Nothing but the result and errors.
    """

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self.as_json, self.quiet = as_json, quiet

    def say(self, text: str) -> None:
        """A line for the person who watches, on stderr."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)

    def result(self, value: Any, show: Callable[[], RenderableType | Iterable[RenderableType]]) -> None:
        """The result, on stdout.

        Args:
            value: What ``--json`` prints.
            show: Makes what is printed otherwise: text, a table, or several.
        """
        if self.as_json:
            print(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False))
            return
        shown = show()
        several = isinstance(shown, Iterable) and not isinstance(shown, str) and not hasattr(shown, "__rich_console__")
        console = stdout_console()
        for part in shown if several else [shown]:  # type: ignore[union-attr]
            if isinstance(part, str):
                print(part)
            else:
                console.print(part)


def stdout_console() -> Console:
    """A console that neither reads markup in users' strings nor breaks wide tables when piped."""
    from rich.console import Console

    console = Console(markup=False, highlight=False, emoji=False)
    return console if console.is_terminal else Console(markup=False, highlight=False, emoji=False, width=160)
