"""Texts -> trees, in this process or as a process of its own: ``python -m graphcl.data.code_sets.worker``.

The process reads one JSON object (``how``, ``texts``) and writes an ``.npz``. It is started as a command and not
forked, so that a grammar that crashes takes nothing with it and a script needs no guard around its own code.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graphcl.data.code_sets.forest import Forest
from graphcl.data.code_sets.languages import language_named
from graphcl.data.code_sets.parse import Reading, Tree, parse

#: No file of more bytes is parsed.
MOST_BYTES = 1_000_000
#: From so many bytes on, a text of so long lines (mean) was made by a machine.
_MINIFIED_BYTES, _MINIFIED_LINE = 20_000, 500


@dataclass(frozen=True)
class Text:
    """One source text: a file at ``path``, or ``code`` itself."""

    language: str
    path: str = ""
    code: str = ""


def parse_texts(texts: Sequence[Text], how: Reading) -> Forest:
    """The trees of all texts; what cannot be used is in ``skipped``."""
    trees: list[tuple[int, Tree]] = []
    skipped: dict[int, str] = {}
    for number, text in enumerate(texts):
        code = content(text)
        if isinstance(code, str):
            skipped[number] = code
            continue
        found = [tree for tree in parse(code, language_named(text.language), how) if tree.kinds]
        trees += [(number, tree) for tree in found]
        if not found:
            skipped[number] = "without a function" if how.functions else "empty"
    return Forest.of(trees, skipped)


def content(text: Text) -> bytes | str:
    """The bytes of a text; or why it is skipped."""
    if not text.path:
        code = text.code.replace("\0", " ").encode(errors="replace")
    else:
        path = Path(text.path)
        try:
            if path.stat().st_size > MOST_BYTES:
                return f"of more than {MOST_BYTES:,} bytes"
            code = path.read_bytes()
        except OSError as error:
            return f"unreadable ({error.strerror})"
    if len(code) > MOST_BYTES:
        return f"of more than {MOST_BYTES:,} bytes"
    if b"\0" in code[:8192]:
        return "binary"
    if not code.strip():
        return "empty"
    if len(code) > _MINIFIED_BYTES and len(code) > _MINIFIED_LINE * (1 + code.count(b"\n")):
        return "minified"
    return code.removeprefix(b"\xef\xbb\xbf")


def main() -> None:
    """See the module."""
    request = json.load(sys.stdin)
    forest = parse_texts([Text(**text) for text in request["texts"]], Reading(**request["how"]))
    forest.write(sys.stdout.buffer)


if __name__ == "__main__":
    main()
