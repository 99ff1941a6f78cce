"""One user a line, and the sequential layout."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphcl.core.errors import UserError
from graphcl.data.readers import ReadOptions, open_table
from graphcl.data.readers.base import Table

word = st.text(st.characters(exclude_categories=("Cs", "Cc", "Z")), min_size=1, max_size=6).filter(
    lambda s: not s.isspace()
)


def rows_of(table: Table) -> list[tuple]:
    chunks = list(table.chunks(table.columns))
    columns = [[value for chunk in chunks for value in chunk[c].to_pylist()] for c in table.columns]
    return list(zip(*columns, strict=True))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.tuples(word, st.lists(word, max_size=5)), min_size=1, max_size=6))
@pytest.mark.parametrize("format", ["adjacency", "sequence"])
def test_round_trip(tmp_path: Path, lines: list[tuple[str, list[str]]], format: str) -> None:
    lines = [(user.replace(":", "_"), items) for user, items in lines]
    colon = ":" if format == "sequence" else " "
    path = tmp_path / "train.txt"
    path.write_text("".join(f"{user}{colon}{' '.join(items)}\n" for user, items in lines), encoding="utf-8")
    expected = [(user, item, place) for user, items in lines for place, item in enumerate(items)]
    table = open_table(path, format, ReadOptions())
    assert rows_of(table) == expected
    without = sum(not items for _, items in lines)
    assert any(f"{without:,} lines hold a user and no item" in note for note in table.notes) == bool(without)


def test_many_chunks_keep_order_and_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphcl.data.readers.adjacency.CHUNK_ROWS", 4)
    path = tmp_path / "train.txt"
    path.write_text("0 1 2 3\n\n1 1\n2\n3 5 6 7 8\n4 9\n")
    table = open_table(path, "adjacency", ReadOptions())
    assert [row[:2] for row in rows_of(table)] == [
        ("0", "1"), ("0", "2"), ("0", "3"), ("1", "1"), ("3", "5"), ("3", "6"), ("3", "7"), ("3", "8"), ("4", "9"),
    ]  # fmt: skip
    assert [table.where(row) for row in (0, 3, 4, 7, 8)] == ["line 1", "line 3", "line 5", "line 5", "line 6"]


def test_sequence_without_a_colon(tmp_path: Path) -> None:
    path = tmp_path / "train.txt"
    path.write_text("1:2 3\n4 5\n")
    with pytest.raises(UserError, match=r"line 2 has no colon"):
        rows_of(open_table(path, "sequence", ReadOptions()))


def test_only_a_sequence_is_ordered_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "train.txt"
    path.write_text("1:2 3\n")
    assert open_table(path, "sequence", ReadOptions()).roles["time"] == "position"
    assert "time" not in open_table(path, "adjacency", ReadOptions()).roles


def test_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "train.txt"
    path.write_bytes(b"1 2\n3 \xff\n")
    with pytest.raises(UserError, match=r"byte 6 \(line 2\)"):
        rows_of(open_table(path, "adjacency", ReadOptions()))
