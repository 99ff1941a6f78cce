"""The table in ``docs/augmenters.md``, out of the index of parts.

``python -m graphcl.report.augmenter_page`` writes it; with ``--check`` it only compares.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graphcl.core import registry
from graphcl.core.files import write_text
from graphcl.report.catalogue import summary

PAGE = Path(__file__).resolve().parents[2] / "docs" / "augmenters.md"
BEGIN, END = "<!-- table: begin -->\n", "<!-- table: end -->\n"
#: What an augmenter of graphs says of the edges of its result.
EDGES = {"same": "as they were", "kept": "some of them", "more": "all, and new ones", "new": "new ones, weighted",
         "any": "any of these", "chains": "of the new chains", "patches": "similar patches anew",
         "programs": "those of the programs' trees", "devices": "those within what is left"}


def table() -> str:
    """One row for each augmenter: its level, whether it draws, what becomes of the edges, and its options."""
    lines = ["| augmenter | level | draws | edges | what it does | options (default) |", "|---|---|---|---|---|---|"]
    parts = registry.index()["augmenter"]
    for level in ("graph", "operator", "latent"):
        lines += [_row(name, part) for name, part in sorted(parts.items()) if part["meta"]["level"] == level]
    return "".join(line + "\n" for line in lines)


def _row(name: str, part: dict[str, Any]) -> str:
    meta = part["meta"]
    options = ", ".join(
        f"{option} ({spec['default']})" if "default" in spec else option for option, spec in part["options"].items()
    )
    draws, edges = "yes" if meta.get("stochastic", True) else "no", EDGES.get(meta.get("edges", ""), "")
    cells = [f"`{name}`", meta["level"], draws, edges, summary(part["doc"]), options]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def renewed(page: str) -> str:
    """The page with the table of now."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + table() + END + after


def main(arguments: Sequence[str]) -> int:
    """Write the table into the page; with ``--check`` only compare."""
    page = PAGE.read_text(encoding="utf-8")
    if "--check" in arguments:
        if renewed(page) != page:
            print("docs/augmenters.md is out of date; run: python -m graphcl.report.augmenter_page", file=sys.stderr)
            return 1
        return 0
    write_text(PAGE, renewed(page))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
