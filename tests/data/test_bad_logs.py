"""What users get wrong: one clear line each."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphcl.core.errors import UserError
from graphcl.data.source import InteractionsData
from graphcl.data.splits import Files, Split
from tests.data.small_logs import Load, grid

CASES = {
    "empty file": ("", {}, r"log.csv is empty"),
    "only blank lines": ("\n\n", {}, r"log.csv is empty: it holds only blank lines"),
    "only a header": ("user_id,item_id\n", {}, r"log.csv has no rows"),
    "only a header, no line end": ("user_id,item_id", {}, r"log.csv has no rows"),
    "missing column": (
        grid(),
        {"item": "itm_id"},
        r"has no column 'itm_id'; nearest: 'item_id'; set data.item=item_id",
    ),
    "missing time": (
        grid(header="user_id,item_id"),
        {"split": {"by": "leave_one_out"}},
        r"no column that is clearly the time; set data.time to one of user_id, item_id",
    ),
    "misspelt time": (
        "user,item,timestamp\n1,2,3\n",
        {"time": "timestmp"},
        r"log.csv has no column 'timestmp'; nearest: 'timestamp'; set data.time=timestamp",
    ),
    "one user": (grid(users=1, items=30), {}, r"1 user, 30 items: too few; at least two users and two items"),
    "no user id": (
        grid() + ",i1\n,i2\nNaN,i3\n",
        {},
        r"3 rows with no user id \(column 'user_id', first at line 62\); mend them or set data.missing=drop",
    ),
    "no item id": (grid() + "u1,\n", {}, r"1 row with no item id \(column 'item_id', first at line 62\)"),
    "not utf-8": (grid().encode() + b"u\xff,i1\n", {}, r"is not utf-8: byte 377 \(line 62\).*data.encoding=latin-1"),
    "unknown encoding": (grid(), {"encoding": "utf-9"}, r"data.encoding=utf-9 is unknown; nearest: 'utf-8'"),
    "wrong delimiter": (
        grid(),
        {"separator": "tab"},
        r"looks comma-separated, data.separator says tab, line 1 is `user_id,item_id`",
    ),
    "no delimiter": ("user_id\n1\n", {}, r"has one column: no separator found in line 1, `user_id`"),
    "separator of two": (grid(), {"separator": "::"}, r"data.separator='::' is not one character"),
    "ragged": (grid() + "u1,i1,9\n", {}, r"line 62 has 3 fields where line 1 has 2: `u1,i1,9`"),
    "rating is text": (
        "user,item,stars\n1,2,5\n1,3,good\n",
        {"min_rating": 3},
        r"line 3: stars is 'good', not a number",
    ),
    "rating is infinite": (
        "user,item,stars\n1,2,5\n1,3,inf\n",
        {"min_rating": 3},
        r"1 row with no finite rating \(column 'stars', first at line 3\)",
    ),
    "time is text": (
        "user,item,ts\n1,2,5\n1,3,soon\n",
        {"time": "ts"},
        r"line 3: ts is 'soon', not a number, or a date",
    ),
    "time is nan": ("user,item,ts\n1,2,5\n1,3,nan\n", {"time": "ts"}, r"1 row with no finite time"),
    "weight of zero": ("user,item,w\n1,2,5\n1,3,0\n", {"weight": "w"}, r"1 row with a weight of 0 or less"),
    "rating filter": (
        "user,item,stars\n1,2,5\n1,3,1\n",
        {"min_rating": 6},
        r"data.min_rating=6 leaves nothing: 2 rows, 1 user, 2 items -> 0 rows; lower it",
    ),
    "k-core": (
        grid(users=5, items=6),
        {"k_core": 10},
        r"data.k_core=10 leaves nothing: 30 rows, 5 users, 6 items -> 0 rows; lower it",
    ),
    "short users": (
        "user,item\na,x\nb,y\nc,x\n",
        {},
        r"the random split leaves nothing for test and valid \(train 3, valid 0, test 0\); one row of each user",
    ),
    "names without a file": (grid(), {"item_name": "title"}, r"data.item_id and data.item_name need data.items=FILE"),
    "no item file": (grid(), {"items": "nowhere.csv"}, r"no file nowhere.csv"),
    "unknown json": ('{"user": 1, "item": 2}\n{"user"\n', {"format": "jsonl"}, r"line 2 is not JSON"),
    "given without files": (grid(), {"split": {"by": "given"}}, r"holds no train and test files; name them"),
    "core of a given split": (
        grid(),
        {"k_core": 2, "split": {"by": "given"}},
        r"data.k_core would change a given split",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_one_clear_line(load: Load, case: str) -> None:
    content, options, message = CASES[case]
    with pytest.raises(UserError, match=message) as error:
        load(content, **options)
    assert "\n" not in str(error.value)


def test_missing_may_be_dropped_and_is_counted(load: Load) -> None:
    text = "user,item,stars\n" + "".join(f"u{u},i{i},5\n" for u in range(6) for i in range(10))
    data = load(text + "u1,,5\nu1,i1,\n,i1,nan\n", missing="drop", min_rating=1)
    assert data.report.steps[0].before.rows == 60
    dropped = [note for note in data.report.notes if "dropped" in note]
    assert [note.partition(": ")[2].partition(" (")[0] for note in dropped] == [
        "dropped 1 row with no user id",
        "dropped 1 row with no item id",
        "dropped 2 rows with no finite rating",
    ]


def test_nothing_usable(load: Load) -> None:
    with pytest.raises(UserError, match=r"log.csv has no rows that can be used"):
        load("user,item\n,1\n,2\n", missing="drop")


def test_no_such_path(tmp_path: Path) -> None:
    (tmp_path / "clicks.csv").touch()
    with pytest.raises(UserError, match=r"data.path=.*clikcs.csv does not exist; nearest: 'clicks.csv'"):
        InteractionsData(path=str(tmp_path / "clikcs.csv")).load(seed=0)
    with pytest.raises(UserError, match=r"set data.name=NAME .* or data.path=FILE"):
        InteractionsData()


def test_folders_that_do_not_say_what_to_read(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    data = InteractionsData(path=str(folder))
    with pytest.raises(UserError, match=r"holds no files: set data.path"):
        data.load(seed=0)
    (folder / "a.csv").touch()
    (folder / "b.csv").touch()
    with pytest.raises(UserError, match=r"holds a.csv, b.csv: set data.path to one file, or data.split.files.train="):
        data.load(seed=0)
    for name in ("train.csv", "train.tsv", "test.csv"):
        (folder / name).touch()
    with pytest.raises(
        UserError, match=r"has several train files: train.csv, train.tsv; name one: data.split.files.train="
    ):
        data.load(seed=0)


def test_half_a_split(tmp_path: Path) -> None:
    data = InteractionsData(path=str(tmp_path), split=Split("given", files=Files(train="a.csv")))
    with pytest.raises(UserError, match=r"data.split.files needs both train and test"):
        data.load(seed=0)


def test_mixed_kinds_of_time(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dates in one block and numbers in the next do not become one order."""
    monkeypatch.setattr("graphcl.data.readers.delimited.BLOCK_BYTES", 200)
    rows = [f"u{i % 5},i{i},2024-01-01" for i in range(40)] + [f"u{i % 5},i{i},17" for i in range(40)]
    with pytest.raises(UserError, match=r"line \d+: ts is '(17|2024-01-01)', not a number, or a date"):
        load("user,item,ts\n" + "\n".join(rows), time="ts")
