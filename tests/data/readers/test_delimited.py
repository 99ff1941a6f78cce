"""CSV and its relatives: any id survives, and what is wrong is named with its line."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphcl.core.errors import UserError
from graphcl.data.readers import ReadOptions, open_table
from graphcl.data.readers.delimited import DelimitedTable


def read(path: Path, *columns: str, format: str = "delimited", **options: str) -> list[list[str]]:
    table = open_table(path, format, ReadOptions(**options))
    chunks = list(table.chunks(columns or table.columns))
    return [[value for chunk in chunks for value in chunk[c].to_pylist()] for c in (columns or table.columns)]


text = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(text, text), min_size=1, max_size=8), separator=st.sampled_from(",;\t| "))
def test_any_quoted_text_survives(tmp_path: Path, rows: list[tuple[str, str]], separator: str) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=separator, quoting=csv.QUOTE_ALL).writerows([("user", "item"), *rows])
    path = tmp_path / "log.csv"
    path.write_bytes(buffer.getvalue().encode())
    users, items = read(path, "user", "item", separator=separator)
    assert list(zip(users, items, strict=True)) == rows


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", " "])
@pytest.mark.parametrize("compress", [False, True])
def test_separator_is_found_and_said(tmp_path: Path, separator: str, compress: bool) -> None:
    content = f"user{separator}item\n007{separator}a\n12{separator}b\n".encode()
    path = tmp_path / ("log.csv.gz" if compress else "log.csv")
    path.write_bytes(gzip.compress(content) if compress else content)
    table = open_table(path, "", ReadOptions())
    assert table.separator == separator
    assert table.sniffed == ["format", "separator"]
    assert table.notes == []
    assert read(path, "user", format="") == [["007", "12"]]


def test_the_separator_that_the_lines_agree_on_wins(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("user id;item id;tags (a,b,c,d)\n1;2;a\n1;3;c\n")  # a comma would make four columns of line 1
    assert open_table(path, "", ReadOptions()).columns == ["user id", "item id", "tags (a,b,c,d)"]


def test_wrong_separator_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text("user_id,item_id,timestamp\n1,2,3\n")
    with pytest.raises(UserError) as error:
        open_table(path, "", ReadOptions(separator="\t"))
    assert str(error.value) == (
        f"{path} looks comma-separated, data.separator says tab, line 1 is `user_id,item_id,timestamp`; "
        "set data.separator=comma"
    )


def test_unusual_separator_may_be_named(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("user^item\n1^2\n")
    with pytest.raises(UserError, match=r"has one column: no separator found in line 1, `user\^item`"):
        open_table(path, "", ReadOptions())
    assert read(path, separator="^") == [["1"], ["2"]]


def test_line_of_a_row_counts_blank_lines_and_quoted_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text('user,item\n\n1,"a\nb"\n2,c\n\n\n3,d\n')
    table = open_table(path, "", ReadOptions())
    assert [table.where(row) for row in range(3)] == ["line 3", "line 5", "line 8"]


def test_row_with_another_number_of_fields_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("user,item\n1,2\n\n3,4,5\n")
    with pytest.raises(UserError, match=r"log.csv line 4 has 3 fields where line 1 has 2: `3,4,5`"):
        read(path)


def test_bytes_that_do_not_decode_are_named(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes("user,item\n1,a\n2,é\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"is not utf-8: byte 16 \(line 3\) does not decode; .*data.encoding=latin-1"):
        read(path)
    assert read(path, encoding="latin-1")[1] == ["a", "é"]


def test_undecodable_header_and_utf16(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes("usér,item\n1,2\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"byte 2 \(line 1\)"):
        open_table(path, "", ReadOptions())
    path.write_bytes("user,item\n1,2\n".encode("utf-16"))
    with pytest.raises(UserError, match=r"data.encoding=utf-16"):
        open_table(path, "", ReadOptions())
    assert read(path, encoding="utf-16") == [["1"], ["2"]]


def test_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes("user,item\n1,2\n".encode("utf-8-sig"))
    assert read(path, "user", "item") == [["1"], ["2"]]


def test_truncated_gzip_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress(b"user,item\n" + b"".join(b"%d,%d\n" % (i * 7919, i) for i in range(50000)))[:-200])
    with pytest.raises(UserError, match=r"log.csv.gz"):
        read(path)


@pytest.mark.parametrize("rest", [3, 50000])
def test_open_quote_does_not_swallow_the_file(tmp_path: Path, rest: int) -> None:
    path = tmp_path / "log.csv"
    path.write_text('user,item\n5,6\n1,"2\n' + "3,4\n" * rest)
    with pytest.raises(UserError, match=r"log.csv line 3: a quote is opened there and never closed"):
        read(path)


def test_a_quote_inside_a_field_is_text(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text('user,item\n1,5" disk\n2,x\n')
    assert read(path)[1] == ['5" disk', "x"]


def test_numbers_without_a_header_are_no_columns(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("196,242,3\n186,302,3\n")
    with pytest.raises(UserError, match=r"has no header: line 1 is `196,242,3`; .*data.format=triples"):
        open_table(path, "", ReadOptions())


def test_column_that_occurs_twice(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("user,item,user\n1,2,3\n")
    assert read(path, "item") == [["2"]]
    with pytest.raises(UserError, match=r"has 2 columns named 'user'"):
        read(path, "user")


def test_atomic_names_lose_their_types_and_quotes_are_text(tmp_path: Path) -> None:
    path = tmp_path / "x.inter"
    path.write_text('user_id:token\titem_id:token\trating:float\n1\t"a\t5\n2\tb"c\t3\n')
    table = open_table(path, "", ReadOptions())
    assert (table.format, table.columns) == ("atomic", ["user_id", "item_id", "rating"])
    assert read(path, "item_id", format="") == [['"a', 'b"c']]


def test_triples_have_no_header(tmp_path: Path) -> None:
    path = tmp_path / "data1.txt"
    path.write_text("424\t4076\t993\n1311\t1574\t957\n")
    table = open_table(path, "", ReadOptions())
    assert (table.format, table.columns) == ("triples", ["user", "item", "weight"])
    assert read(path, format="") == [["424", "1311"], ["4076", "1574"], ["993", "957"]]
    assert table.where(1) == "line 2"


def test_many_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphcl.data.readers.delimited.BLOCK_BYTES", 1000)
    path = tmp_path / "log.csv"
    path.write_text("user,item\n" + "".join(f"u{i},i{i}\n" for i in range(2000)))
    table = DelimitedTable(path, ReadOptions())
    chunks = list(table.chunks(["item"]))
    assert len(chunks) > 5
    assert [value for c in chunks for value in c["item"].to_pylist()] == [f"i{i}" for i in range(2000)]
