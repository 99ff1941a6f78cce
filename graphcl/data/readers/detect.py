"""Which format a file has: by its name, else by its first lines."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from graphcl.core.errors import UserError
from graphcl.data.text import sample_text

BY_SUFFIX = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".npz": "npz",
    ".inter": "atomic",
    ".item": "atomic",
}


def detect_format(path: Path, encoding: str) -> str:
    """The format of a file.

    Raises:
        UserError: the lines fit two formats, so that it must be said.
    """
    suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    if suffix.lower() in BY_SUFFIX:
        return BY_SUFFIX[suffix.lower()]
    text = sample_text(path, encoding)
    lines = [line for line in text.splitlines() if line.strip()][:200]
    if not lines:
        raise UserError(f"{path} is empty: it holds only blank lines")
    if re.search(r"\w:(token|float|token_seq|float_seq)\b", lines[0]):
        return "atomic"
    if lines[0].lstrip().startswith("{"):
        return "jsonl"
    if suffix.lower() in (".csv", ".tsv"):
        return "delimited"
    if all(re.fullmatch(r"\d+:\d*(\s+\d+)*\s*", line) for line in lines):
        return "sequence"
    return _of_numbers(path, lines) or "delimited"


def _of_numbers(path: Path, lines: list[str]) -> str | None:
    """``adjacency`` or ``triples`` for lines of bare numbers, None for anything else."""
    if suspected_header(lines[0]):
        return None
    widths = {len(line.split()) for line in lines}
    if any(separator in lines[0] for separator in ",;|") or any(not re.fullmatch(r"[-+\d.eE\s]+", x) for x in lines):
        return None
    if len(widths) > 1 or widths <= {1, 2}:
        return "adjacency"  # two numbers a line are one pair in either reading
    if "\t" in lines[0] and widths <= {3, 4}:
        return "triples"
    if len(lines) == 1 or max(widths) > 4:
        return "adjacency"
    raise UserError(
        f"{path} has {widths.pop()} numbers on every line, line 1 is `{lines[0][:80]}`: say whether they are "
        "a user and his items (data.format=adjacency) or user, item, weight (data.format=triples)"
    )


def suspected_header(line: str) -> bool:
    """Whether a line names columns: some field is no number."""
    fields = next(csv.reader([line.replace("\t", ",").replace(" ", ",")]), [])
    return any(field and not re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?", field) for field in fields)
