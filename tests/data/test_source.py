"""The data part from file to interactions: formats, filters, splits, what the report says."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from graphcl.core.build import build
from graphcl.core.errors import UserError
from graphcl.data.interactions import Interactions
from graphcl.data.source import InteractionsData
from graphcl.data.splits import Files, Split
from tests.data.small_logs import Load, every_pair, grid, id_pairs

ROWS = [(f"0{u}", f"item {i}", 10 * u + i, 1 + (u + i) % 5) for u in range(6) for i in range(12)]
SPLIT = {"split": {"per_user": False}}


def write(path: Path) -> Path:
    """ROWS in the format that the name asks for."""
    frame = pd.DataFrame(ROWS, columns=["user_id", "item_id", "timestamp", "stars"])
    suffix = path.name.partition(".")[2]
    if suffix == "parquet":
        frame.to_parquet(path)
    elif suffix == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    elif suffix == "inter":
        frame.columns = pd.Index(["user_id:token", "item_id:token", "timestamp:float", "stars:float"])
        frame.to_csv(path, sep="\t", index=False)
    else:
        separator = {"csv": ",", "csv.gz": ";", "tsv": "\t", "psv": "|"}[suffix]
        frame.to_csv(path, sep=separator, index=False)
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.tsv", "a.psv", "a.parquet", "a.jsonl", "a.inter"])
def test_every_format_gives_the_same_interactions(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name)
    options = {"path": str(path), "time": "timestamp", "rating": "stars", "min_rating": 2, **SPLIT}
    data = build("data", "interactions", options).load(seed=0)
    assert every_pair(data) == {(u, i) for u, i, _, r in ROWS if r >= 2}
    times = {(u, i): t for u, i, t, _ in ROWS}
    assert data.train.time is not None
    assert [times[pair] for pair in id_pairs(data, data.train)] == data.train.time.tolist()
    reference = build("data", "interactions", {**options, "path": str(write(tmp_path / "b.csv"))}).load(seed=0)
    assert data.report.split_hash == reference.report.split_hash


def test_ids_stay_the_strings_of_the_user(load: Load) -> None:
    text = grid(header="user_id,item_id").replace("u0,", "007,").replace("u1,", "12,").replace("u2,", "1e3,")
    data = load(text.replace("u3,", '"a,""b"" \u00fc",').replace("u4,", "NA,"))
    assert set(data.users.values) == {"007", "12", "1e3", 'a,"b" \u00fc', "NA", "u5"}
    assert all(type(value) is str for value in data.users.values)


def test_parquet_numbers_and_gaps_have_no_point(tmp_path: Path) -> None:
    frame = pd.DataFrame({"user": [1.0, 2.0, None, 3.0] * 10, "item": list(range(40))})
    frame.to_parquet(tmp_path / "a.parquet")
    data = InteractionsData(path=str(tmp_path / "a.parquet"), missing="drop").load(seed=0)
    assert set(data.users.values) == {"1", "2", "3"}
    assert set(data.items.values) <= {str(i) for i in range(40)}
    assert any("dropped 10 rows with no user id (column 'user', first at row 3)" in n for n in data.report.notes)


def test_npz_and_weights(tmp_path: Path) -> None:
    matrix = sp.random(8, 30, density=0.8, random_state=0, format="csr")
    sp.save_npz(tmp_path / "train.npz", matrix)
    for weight in ("", "weight"):
        data = InteractionsData(path=str(tmp_path / "train.npz"), weight=weight).load(seed=0)
        rows = data.users.values[data.train.users].astype(int)
        columns = data.items.values[data.train.items].astype(int)
        if weight:
            np.testing.assert_allclose(data.train.weight, np.asarray(matrix[rows, columns])[0], rtol=1e-6)
        else:
            assert data.train.weight is None
            assert any("data.weight=weight uses them" in note for note in data.report.notes)


def test_repeats(load: Load) -> None:
    text = grid() + "u0,i0\n" * 4
    sizes = {}
    for repeats in ("keep", "last", "sum"):
        data = load(text, repeats=repeats, split={"by": "random"})
        sizes[repeats] = len(data.train) + len(data.held_out.valid) + len(data.held_out.test)
        if repeats == "sum":
            assert data.train.weight is not None
            assert data.train.weight.max() == 5 or ("u0", "i0") not in id_pairs(data, data.train)
        assert f"repeats={repeats}: 64 rows" in data.report.lines()[2]
    assert (sizes["last"], sizes["sum"]) == (60, 60)


def test_everything_repeats(load: Load) -> None:
    data = load(grid() + grid().partition("\n")[2] * 3)
    assert str(data.report.steps[0]) == ("repeats=last: 240 rows, 6 users, 10 items -> 60 rows, 6 users, 10 items")


def test_filters_in_order_with_counts(load: Load) -> None:
    rows = [f"u{u},i{i},{5 if u < 5 else 1}" for u in range(6) for i in range(10)]
    data = load("user,item,stars\n" + "\n".join([*rows, "solo,i0,5"]), min_rating=3, k_core={"user": 2, "item": 5})
    assert [str(step) for step in data.report.steps] == [
        "min_rating=3: 61 rows, 7 users, 10 items -> 51 rows, 6 users, 10 items",
        "repeats=last: 51 rows, 6 users, 10 items -> 51 rows, 6 users, 10 items",
        "k_core={user: 2, item: 5} (fixed point after 1 round): 51 rows, 6 users, 10 items -> "
        "50 rows, 5 users, 10 items",
    ]
    assert "column 'stars' is taken as the rating; data.rating names another" in data.report.notes
    assert "solo" not in data.users.values


@pytest.mark.parametrize("by", ["leave_one_out", "temporal", "temporal_user"])
def test_a_split_by_time_finds_its_column_and_says_so(load: Load, by: str) -> None:
    text = "\n".join(["user,item,ts", *(f"u{u},i{i},2024-01-{i + 1:02d}" for u in range(6) for i in range(10))])
    data = load(text, split={"by": by})
    assert "column 'ts' is taken as the time; data.time names another" in data.report.notes
    assert data.train.time is not None
    assert data.held_out.test.time is not None
    assert data.train.time.max() <= data.held_out.test.time.min()
    assert data.report.to_dict()["columns"] == {"user": "user", "item": "item", "time": "ts"}


def test_unneeded_columns_may_hold_anything(load: Load) -> None:
    text = "\n".join(["user,item,date,rating", *(f"u{u},i{i},soon,good" for u in range(6) for i in range(10))])
    assert load(text).train.time is None


def adjacency(path: Path, lines: dict[str, str]) -> None:
    path.mkdir()
    for name, text in lines.items():
        (path / name).write_text(text)


def test_folder_of_a_given_split(tmp_path: Path) -> None:
    adjacency(
        tmp_path / "d",
        {"train.txt": "0 1 2 3\n1 1 2\n", "valid.txt": "0 4\n", "test.txt": "0 5\n1 3 2\n2\n", "trust.txt": "0 1\n"},
    )
    data = InteractionsData(path=str(tmp_path / "d")).load(seed=0)
    assert id_pairs(data, data.held_out.valid) == [("0", "4")]
    assert id_pairs(data, data.held_out.test) == [("0", "5"), ("1", "3")]
    assert data.report.split["valid"] == "own"
    notes = data.report.notes
    assert "d: read train.txt, valid.txt, test.txt" in notes
    assert "test: 1 row with a pair of train, removed from test" in notes
    assert "test.txt: 1 lines hold a user and no item" in notes


def test_given_files_may_be_split_anew(tmp_path: Path) -> None:
    parts = {"train.txt": range(20), "test.txt": range(19, 25)}  # item 19 is in both: one row after joining
    adjacency(
        tmp_path / "d",
        {name: "\n".join(f"{u} " + " ".join(map(str, items)) for u in range(5)) for name, items in parts.items()},
    )
    data = InteractionsData(path=str(tmp_path / "d"), split=Split("random")).load(seed=0)
    assert "the files train.txt, test.txt were joined and split anew (random)" in data.report.notes
    sizes = data.report.split["sizes"]
    assert sum(sizes.values()) == 125
    assert all(10 <= sizes[part] <= 15 for part in ("valid", "test"))  # 2 or 3 of 25 rows for each of 5 users


def test_files_named_one_by_one(tmp_path: Path) -> None:
    adjacency(tmp_path / "d", {"a.txt": "0 1 2 3\n1 1 2\n", "b.txt": "0 5\n1 3\n"})
    for path, folder in ((str(tmp_path / "d"), ""), ("", str(tmp_path / "d") + "/")):
        files = Files(train=folder + "a.txt", test=folder + "b.txt")
        data = InteractionsData(path=path, split=Split("given", files=files, valid="none")).load(seed=0)
        assert data.report.split["sizes"] == {"train": 5, "valid": 0, "test": 2}
        assert data.report.split["valid"] == "none"


def test_recbole_benchmark_folder_with_names(tmp_path: Path) -> None:
    header = "user_id:token\titem_id:token\n"
    adjacency(
        tmp_path / "d",
        {
            "d.train.inter": header + "1\t1\n1\t2\n2\t1\n",
            "d.valid.inter": header + "2\t2\n",
            "d.test.inter": header + "1\t3\n",
            "d.item": "item_id:token\tmovie_title:token_seq\n1\tOne\n3\t\n4\tFour\n",
        },
    )
    data = InteractionsData(path=str(tmp_path / "d")).load(seed=0)
    assert data.report.format == "atomic"
    assert data.item_names is not None
    assert dict(zip(data.items.values, data.item_names, strict=True)) == {"1": "One", "2": "", "3": ""}
    assert "item names: column 'movie_title' of d.item; 2 items have none" in data.report.notes


@pytest.mark.parametrize("name", ["items.csv", "items.jsonl"])
def test_item_file_of_ones_own(tmp_path: Path, load: Load, name: str) -> None:
    path = tmp_path / name
    records = [{"sku": f"i{i}", "title": f"Item, {i}"} for i in range(5)]
    path.write_text("sku,title\n" + "".join(f'{r["sku"]},"{r["title"]}"\n' for r in records) if name == "items.csv"
                    else "\n".join(map(json.dumps, records)))  # fmt: skip
    data = load(grid(), items=str(path))
    assert data.item_names is not None
    names = dict(zip(data.items.values, data.item_names, strict=True))
    assert (names["i3"], names["i7"]) == ("Item, 3", "")
    with pytest.raises(UserError, match=r"has no column 'titel'; nearest: 'title'; set data.item_name=title"):
        load(grid(), items=str(path), item_name="titel")


def test_same_seed_same_split(load: Load) -> None:
    one, two, other = load(grid(), seed=1), load(grid(), seed=1), load(grid(), seed=2)
    assert one.report.split_hash == two.report.split_hash != other.report.split_hash
    np.testing.assert_array_equal(one.train.items, two.train.items)


def test_saved_with_the_run(load: Load, tmp_path: Path) -> None:
    data = load(grid())
    data.save(tmp_path / "run" / "data")
    back = InteractionsData.read(tmp_path / "run" / "data")
    assert isinstance(back, Interactions)
    assert back.report == data.report
    assert json.loads(json.dumps(data.report.to_dict()))  # plain values only


def test_generated_needs_no_file() -> None:
    data = InteractionsData("generated").load(seed=0)
    assert (len(data.users), len(data.items)) == (200, 120)
    assert data.report.lines()[0] == "data generated: generated"
    own = [int(u[1:]) % 4 == int(i[1:]) % 4 for u, i in id_pairs(data, data.held_out.test)]
    assert np.mean(own) > 0.6  # the answer is known: items of the user's own group
    other = InteractionsData("generated").load(seed=1)
    assert every_pair(other) == every_pair(data)  # the seed of the run splits it, and does not change it


def test_leaks_in_published_files(shared_data: Path) -> None:
    folder = shared_data / "recsys" / "duvis-ciao"
    data = InteractionsData(path=str(folder)).load(seed=0)
    assert data.report.format == "adjacency"
    assert "test: 166 rows with a pair of train, removed from test" in data.report.notes
    assert data.report.split["leaked"] == {"valid": 332, "test": 166}  # 295 in train, 55 in test, 18 in both
    assert data.report.split["sizes"] == {"train": 154_961, "valid": 44_388 - 332, "test": 22_211 - 166}
    assert data.report.split["cold"]["test"]["rows"] == 6219  # 6,207 by their item, 12 by their user alone


def test_path_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "log.csv").write_text(grid())
    assert len(InteractionsData(path="~/log.csv").load(seed=0).users) == 6


def test_hostile_strings_are_only_strings(load: Load, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    hostile = f"__import__('pathlib').Path('{trap}').touch()"
    text = grid().replace("u0,", f'"{hostile}",')
    data = load(text)
    assert hostile in data.users.values
    for option in ("user", "time", "format", "encoding"):
        with pytest.raises(UserError):
            load(text, **{option: hostile})
    assert not trap.exists()


def test_gzip_without_the_suffix(load: Load) -> None:
    assert len(load(gzip.compress(grid().encode()), name="log.csv").users) == 6
