"""JSON lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphcl.core.errors import UserError
from graphcl.data.readers import ReadOptions, open_table

text = st.text(st.characters(exclude_categories=("Cs",)))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(text, st.integers()), min_size=1, max_size=6), escape=st.booleans())
def test_text_and_whole_numbers_survive(tmp_path: Path, rows: list[tuple[str, int]], escape: bool) -> None:
    path = tmp_path / "log.jsonl"
    lines = [json.dumps({"user": user, "item": item}, ensure_ascii=escape) for user, item in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")
    (chunk,) = open_table(path, "", ReadOptions()).chunks(["user", "item"])
    assert chunk["user"].to_pylist() == [user for user, _ in rows]
    assert chunk["item"].to_pylist() == [str(item) for _, item in rows]


def test_floats_that_are_whole_lose_the_point_and_gaps_are_null(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"user": 12.0}\n\n{"user": null}\n{"item": 1}\n{"user": 0.5}\n')
    table = open_table(path, "", ReadOptions())
    assert table.columns == ["user", "item"]
    (chunk,) = table.chunks(["user"])
    assert chunk["user"].to_pylist() == ["12", None, None, "0.5"]
    assert table.where(1) == "line 3"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{'user': 1}", "line 2 is not JSON"),
        ("[1, 2]", "line 2 is no JSON object"),
        ('{"user": [1]}', r"line 2: 'user' is \[1\]"),
        ('{"user": true}', "line 2: 'user' is True"),
        ('{"user": "\\ud800"}', "no valid Unicode text"),
        ("[" * 100_000, "line 2 is not JSON"),
    ],
)
def test_bad_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"user": 1}\n' + line + "\n")
    with pytest.raises(UserError, match=message):
        list(open_table(path, "", ReadOptions()).chunks(["user"]))
