"""Histories: ordered, split by time, and never saying in training what is held out."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphcl.core.build import build
from graphcl.core.errors import UserError
from graphcl.data.histories import Histories, build_histories
from graphcl.data.history_source import HistoriesData
from graphcl.data.interactions import Ids, Pairs
from graphcl.data.log import Log
from graphcl.data.report import DataReport
from graphcl.data.splits import Split

Rows = dict[str, list[str]]


def load(path: Path, content: str, name: str = "log.csv", **options: Any) -> Histories:
    """What the data part makes of such a file."""
    (path / name).write_text(content)
    return build("data", "histories", {"path": str(path / name), **options}).load(seed=0)


def rows_of(data: Histories, pairs: Pairs) -> Rows:
    """User id -> ids of his items in a part, in order."""
    found: Rows = {}
    for user, item in zip(pairs.users, pairs.items, strict=True):
        found.setdefault(data.users.values[user], []).append(data.items.values[item])
    return found


def parts_of(data: Histories) -> tuple[Rows, Rows, Rows]:
    return tuple(rows_of(data, pairs) for pairs in (data.train, data.held_out.valid, data.held_out.test))  # type: ignore[return-value]


def log_of(rows: list[list[int]], items: int = 9) -> Log:
    """One history a user, in the order of the log."""
    users = np.repeat(np.arange(len(rows)), [len(row) for row in rows]).astype(np.int32)
    every = np.array([item for row in rows for item in row], dtype=np.int32)
    return Log(users, every, Ids.of([f"u{n}" for n in range(len(rows))]), Ids.of([f"i{n}" for n in range(items)]))


# --- order -----------------------------------------------------------------------------------------


def test_times_order_and_equal_ones_stay_as_in_the_file(tmp_path: Path) -> None:
    text = "user,item,timestamp\na,z,5\nb,q,1\na,x,3\na,y,3\nb,r,1\na,z,4\nb,p,0\na,w,9\n"
    data = load(tmp_path, text)
    assert parts_of(data) == ({"a": ["x", "y", "z"], "b": ["p"]}, {"a": ["z"], "b": ["q"]}, {"a": ["w"], "b": ["r"]})
    assert "events in the order of 'timestamp'; those of equal time in the order of the file" in data.report.notes
    assert data.train.time is not None
    assert data.train.time.tolist() == [3, 3, 4, 0]


def test_iso_times(tmp_path: Path) -> None:
    text = "user,item,at\na,x,2024-01-03\na,y,2024-01-01\na,z,2024-01-02\nb,x,2024-01-01\nb,y,2024-01-01T10:00:00\n"
    train, valid, test = parts_of(load(tmp_path, text, time="at"))
    assert (train["a"], valid["a"], test) == (["y"], ["z"], {"a": ["x"], "b": ["y"]})


def test_without_times_the_file_is_the_order(tmp_path: Path) -> None:
    data = load(tmp_path, "user,item\na,z\nb,x\na,x\na,y\nb,y\na,x\nb,z\n")
    assert parts_of(data) == ({"a": ["z", "x"], "b": ["x"]}, {"a": ["y"], "b": ["y"]}, {"a": ["x"], "b": ["z"]})
    assert any(note.startswith("no time column of a usual name: events are in the order") for note in data.report.notes)
    assert data.train.time is None


@pytest.mark.parametrize(
    ("format", "text"), [("adjacency", "a z x y x\nb x y z\n"), ("sequence", "a:z x y x\nb:x y z\n")]
)
def test_a_line_is_a_history(tmp_path: Path, format: str, text: str) -> None:
    data = load(tmp_path, text, "log.txt", format=format)
    assert parts_of(data) == ({"a": ["z", "x"], "b": ["x"]}, {"a": ["y"], "b": ["y"]}, {"a": ["x"], "b": ["z"]})


def test_a_user_on_two_lines_has_one_history(tmp_path: Path) -> None:
    train, valid, test = parts_of(load(tmp_path, "a z x\nb x y z\na y w\n", "log.txt", format="adjacency"))
    assert (train["a"], valid["a"], test["a"]) == (["z", "x"], ["y"], ["w"])


def test_two_columns_that_may_be_the_time_must_be_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has 'time' and 'date': say which is the time with data.time=time"):
        load(tmp_path, "user,item,time,date\na,x,1,2\n")


def test_a_time_column_that_does_not_exist_is_refused_before_the_file_is_read(tmp_path: Path) -> None:
    broken = "user,item,timestamp\na,x,1\na,y\n"  # line 3 would be refused first, were it read
    with pytest.raises(UserError, match=r"has no column 'timestmp'; nearest: 'timestamp'; set data.time=timestamp"):
        load(tmp_path, broken, time="timestmp")


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (
            (1_600_000_000, 1_600_000_100_000, 1_600_000_200),
            r"2 rows in seconds \(such as 1600000000\), 1 row in m",
        ),
        ((1_600_000_000, 1_600_000_100, 1_600_000_200), ""),
        ((5, 1_600_000_000, 20_000_000_000, 200_000_000_000), ""),  # a clock of its own
    ],
)
def test_times_of_mixed_units(tmp_path: Path, times: tuple[int, ...], said: str) -> None:
    text = "user,item,ts\nb,0,1600000000\nb,1,1600000000\n".replace("1600000000", str(times[0]))
    text += "".join(f"a,{number},{time}\n" for number, time in enumerate(times))
    if not said:
        assert len(load(tmp_path, text).users) == 2
        return
    text = "user,item,ts\n" + "".join(f"{u},{n},{time}\n" for n, (u, time) in enumerate(zip("aba", times, strict=True)))
    with pytest.raises(UserError, match=r"column 'ts': times of different units: " + said):
        load(tmp_path, text)


# --- splits ----------------------------------------------------------------------------------------


@given(st.lists(st.lists(st.integers(0, 8), min_size=1, max_size=9), min_size=2, max_size=7), st.booleans())
def test_leave_one_out_of_any_histories(rows: list[list[int]], with_valid: bool) -> None:
    log, report = log_of(rows), DataReport("x")
    split = Split("leave_one_out", valid="" if with_valid else "none")
    longest = max(len(row) for row in rows)
    if len({item for row in rows for item in row}) < 2 or longest < 2 + with_valid:
        with pytest.raises(UserError):
            build_histories(log.compact(), split, seed=0, report=report)
        return
    data = build_histories(log, split, seed=0, report=report)
    train, valid, test = parts_of(data)
    for number, row in enumerate(rows):
        user, named = f"u{number}", [f"i{item}" for item in row]
        assert [*train[user], *valid.get(user, []), *test.get(user, [])] == named
        assert len(test.get(user, [])) == (len(row) >= 2)
        assert len(valid.get(user, [])) == (with_valid and len(row) >= 3)
    assert report.split["without_target"] == sum(len(row) == 1 for row in train.values())
    before = {user: set(row) for user, row in train.items()}
    assert report.split["repeated"]["valid"] == sum(row[0] in before[user] for user, row in valid.items())
    before = {user: {*row, *valid.get(user, [])} for user, row in train.items()}
    assert report.split["repeated"]["test"] == sum(row[0] in before[user] for user, row in test.items())


def test_what_short_long_and_repeating_users_mean_is_said(tmp_path: Path) -> None:
    text = "one x\ntwo x y\nthree x y z\nlong " + " ".join("xyz"[n % 3] for n in range(10)) + "\nnew x y x z x new\n"
    data = load(tmp_path, text, "log.txt", format="adjacency", max_len=4)
    notes = data.report.notes
    short = "3 users with a single item in train: nothing follows it, so they are not trained on"
    assert f"{short}, and count for popularity only" in notes
    long = "1 user with more than max_len=4 items before the last one of train: a model reads the last 4"
    assert f"{long}, and 3 items are not predicted" in notes
    assert "test: 1 item of 4 that train has never seen, kept in the denominator" in notes
    assert "test: 1 of 4 items (25.00%) are in the user's own history" in notes
    assert "valid: 2 of 3 items (66.67%) are in the user's own history" in notes
    assert (data.max_len, data.row_layout) == (4, "packed")


def test_temporal_cut(tmp_path: Path) -> None:
    text = "user,item,time\na,x,1\na,y,2\na,z,5\na,w,8\nb,y,1\nb,z,3\nb,x,7\nlate,x,9\nlate,y,9\n"
    data = load(tmp_path, text, split={"by": "temporal", "cuts": [4, 7]})
    train, valid, test = parts_of(data)
    assert train == {"a": ["x", "y"], "b": ["y", "z"]}
    assert valid == {"a": ["z"]}
    assert test == {"a": ["w"], "b": ["x"], "late": ["x", "y"]}
    assert "test: 1 user without a history before it, who cannot be asked about" in data.report.notes


def test_a_temporal_cut_needs_times_that_users_share(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data.split.by=temporal needs times that users share, and .*log.txt has only"):
        load(tmp_path, "a:z x y x\nb:x y z\n", "log.txt", format="sequence", split={"by": "temporal"})
    with pytest.raises(UserError, match=r"no column that is clearly the time"):
        load(tmp_path, "user,item\na,x\n", split={"by": "temporal"})


def test_given_files_without_validation_lose_the_last_row_of_each_user_to_it(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("a:x y z\nb:x\nc:z y\n")
    (tmp_path / "test.txt").write_text("a:w\nb:y\n")
    data = build("data", "histories", {"path": str(tmp_path), "format": "sequence"}).load(seed=0)
    train, valid, test = parts_of(data)
    assert data.report.split["by"] == "given"
    assert train == {"a": ["x", "y"], "b": ["x"], "c": ["z"]}
    assert (valid, test) == ({"a": ["z"], "c": ["y"]}, {"a": ["w"], "b": ["y"]})


def test_a_split_that_ignores_time_and_weights_are_refused() -> None:
    with pytest.raises(UserError, match=r"data.split.by=random would put what is later before what is held out"):
        HistoriesData(name="generated", split=Split("random"))
    with pytest.raises(UserError, match=r"data.weight means nothing for histories"):
        HistoriesData(name="generated", weight="w")


def test_refit_gives_validation_back_in_order(tmp_path: Path) -> None:
    data = load(tmp_path, "a z x y x\nb x y z\n", "log.txt", format="adjacency", split={"valid": "refit"})
    assert data.wants_refit
    whole = data.refit()
    assert isinstance(whole, Histories)
    assert rows_of(whole, whole.train) == {"a": ["z", "x", "y"], "b": ["x", "y"]}


# --- what is held out says nothing -----------------------------------------------------------------


def test_positions_of_items_follow_from_train_alone(tmp_path: Path) -> None:
    one = load(tmp_path, "a p q s r\nb r q p s\n", "log.txt", format="adjacency")
    other = load(tmp_path, "a p q r s\nb r q s p\n", "log.txt", format="adjacency")  # the ends exchanged
    for data in (one, other):
        assert data.items.values.tolist()[:3] == ["p", "q", "r"]
    for column in ("users", "items"):
        np.testing.assert_array_equal(getattr(one.train, column), getattr(other.train, column))


def test_the_hash_knows_the_order_of_events_but_not_that_of_users(tmp_path: Path) -> None:
    def hashed(text: str) -> str:
        return load(tmp_path, text, "log.txt", format="adjacency").report.split_hash

    first = hashed("a p q s r\nb r q p s\n")
    assert first == hashed("b r q p s\na p q s r\n")
    assert first != hashed("a q p s r\nb r q p s\n")


# --- kept, named, generated ------------------------------------------------------------------------


def test_kept_with_the_run(tmp_path: Path) -> None:
    data = load(tmp_path, "a z x y x\nb x y z\n", "log.txt", format="adjacency", max_len=7, row_layout="prefix")
    data.save(tmp_path / "data")
    back = HistoriesData.read(tmp_path / "data")
    assert isinstance(back, Histories)
    assert (back.max_len, back.row_layout) == (7, "prefix")
    assert parts_of(back) == parts_of(data)
    assert back.report == data.report


def test_ids_of_an_earlier_run_come_first(tmp_path: Path) -> None:
    data = load(tmp_path, "a z x y x\nb x y z\n", "log.txt", format="adjacency")
    moved = data.align(Ids.of(["b", "gone"]), Ids.of(["y", "old"]))
    assert isinstance(moved, Histories)
    assert moved.users.values.tolist() == ["b", "gone", "a"]
    assert parts_of(moved) == parts_of(data)


def test_names_of_items_follow_their_new_places(tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text("item_id,title\nz,Zed\nx,Ex\ny,Why\nw,Double\n")
    data = load(tmp_path, "a w x y z\nb y x z\n", "log.txt", format="adjacency", items=str(tmp_path / "names.csv"))
    assert data.item_names is not None
    names = dict(zip(data.items.values, data.item_names, strict=True))
    assert names == {"z": "Zed", "x": "Ex", "y": "Why", "w": "Double"}


def test_generated_walks_have_a_known_answer() -> None:
    data = HistoriesData(name="generated").load(seed=0)
    train, _, _ = parts_of(data)
    steps = [(int(b[1:]) - int(a[1:])) % 60 == 1 for row in train.values() for a, b in pairwise(row)]
    assert 0.75 < np.mean(steps) < 0.87
    assert min(len(row) for row in train.values()) == 1


def test_public_counts(shared_data: Path) -> None:
    """Test targets that train has not seen, and repeats; counted by hand before."""
    found = {}
    for name in ("beauty", "yelp-mclrec"):
        report = HistoriesData.from_card(name, data_root=shared_data).load(seed=0).report
        found[name] = report.split["cold"]["test"]["rows"], report.split["repeated"]["test"]
    assert found == {"beauty": (138, 0), "yelp-mclrec": (73, 2027)}
