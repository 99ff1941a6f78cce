"""One long series as windows: what each holds, which part it is of, and that nothing is known of later rows."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graphcl.core.errors import UserError
from graphcl.data.window_sets.packed import PackedWindows
from graphcl.data.window_sets.table import bounds_of
from graphcl.data.window_sets.window_set import WindowSet, WindowSetData

TABLE = torch.tensor([[0.0, 100.0], [1, 101], [2, 102], [3, 103], [4, 104], [5, 105], [6, 106]])


def cut(**options: Any) -> PackedWindows:
    """Windows of three rows; rows 0 to 3 train, 4 validates, 5 tests, 6 is in no part."""
    return PackedWindows.of(TABLE, (4, 5, 6), **{"window": 3, "apart": False, "relative": False, **options})


def load(path: Path, **options: Any) -> WindowSet:
    return WindowSetData(path=str(path), **{"window": 2, **options}).load(seed=0)


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def rows(count: int) -> str:
    return "\n".join(["time,a,b", *(f"{n},{n % 5},{n * n}" for n in range(count))])


# --- windows ---------------------------------------------------------------------------------------


def test_a_window_is_a_chain_of_its_rows() -> None:
    packed = cut()
    assert packed.end.tolist() == [2, 3, 4, 5, 6]
    batch = packed.batch(torch.tensor([1, 0]))
    assert batch.x[:, 0].tolist() == [1, 2, 3, 0, 1, 2]
    assert batch.x[:, 1].tolist() == [101, 102, 103, 100, 101, 102]
    assert batch.pos.tolist() == [0, 1, 2, 0, 1, 2]
    assert batch.edge_index.tolist() == [[0, 1, 3, 4], [1, 2, 4, 5]]
    assert [graph.x[:, 0].tolist() for graph in batch.to_data_list()] == [[1, 2, 3], [0, 1, 2]]
    assert packed[0].pos.tolist() == [0, 1, 2]


def test_room_is_how_much_of_the_next_rows_part_is_left() -> None:
    """After row 2 comes row 3 of train, after row 3 row 4 of valid, after row 4 row 5 of test; row 6 is in no part."""
    assert cut().room.tolist() == [1, 1, 1, 0, 0]


def test_what_comes_after_a_window_is_the_next_rows() -> None:
    packed = PackedWindows.of(TABLE, (7,), window=2, apart=False, relative=False)
    assert packed.room.tolist() == [5, 4, 3, 2, 1, 0]
    assert packed.after(torch.tensor([0, 2]), 2).tolist() == [[[2, 102], [3, 103]], [[4, 104], [5, 105]]]
    assert packed.before(torch.tensor([2])).tolist() == [[[2, 102], [3, 103]]]


def test_channels_apart_are_windows_of_their_own() -> None:
    packed = cut(apart=True)
    assert packed.end.tolist() == [2, 2, 3, 3, 4, 4, 5, 5, 6, 6]
    assert packed.batch(torch.tensor([1, 2])).x.tolist() == [[100], [101], [102], [1], [2], [3]]
    assert packed.after(torch.tensor([1, 2]), 1).tolist() == [[[103]], [[4]]]


@pytest.mark.parametrize("apart", [False, True])
def test_relative_windows_are_less_their_last_row(apart: bool) -> None:
    packed = cut(apart=apart, relative=True)
    assert packed.before(torch.tensor([0]))[0, :, 0].tolist() == [-2, -1, 0]
    assert packed.after(torch.tensor([0]), 2)[0, :, 0].tolist() == [1, 2]


# --- parts, scale ----------------------------------------------------------------------------------


def test_training_sees_rows_of_the_training_part_alone(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", rows(20))
    data = load(path, parts=[10, 5, 5], stride=3)
    assert data.seen is not None
    assert data.packed.end[data.seen].tolist() == [1, 4, 7]
    assert data.split is not None
    assert [data.packed.end[getattr(data.split, part)].tolist() for part in ("train", "valid", "test")] == [
        list(range(1, 9)), list(range(9, 14)), list(range(14, 19)),
    ]  # fmt: skip
    changed = np.loadtxt(path, delimiter=",", skiprows=1)
    changed[10:, 1:] = 1e6
    np.savetxt(path, changed, delimiter=",", header="time,a,b", comments="")
    after = load(path, parts=[10, 5, 5], stride=3)
    assert torch.equal(after.packed.batch(after.seen).x, data.packed.batch(data.seen).x)  # the scale is of train, too


def test_a_missing_value_is_the_last_one_known_and_never_a_later_one(tmp_path: Path) -> None:
    lines = rows(20).splitlines()
    lines[6], lines[1] = "5,,25", "0,,0"
    data = load(written(tmp_path / "a.csv", "\n".join(lines)))
    shown = data.packed.values * torch.from_numpy(data.scale.deviation) + torch.from_numpy(data.scale.mean)
    assert shown[:7, 0].tolist()[1:] == pytest.approx([1, 2, 3, 4, 4, 1], abs=1e-5)
    assert float(data.packed.values[0, 0]) == 0  # nothing before it: the mean
    assert any("missing values" in line and "2" in line for line in data.report.lines())


def test_a_value_that_float32_does_not_hold_is_refused(tmp_path: Path) -> None:
    text = rows(40).replace("\n7,2,49", "\n7,2,1e200")
    with pytest.raises(UserError, match=r"channel b: the value 1e\+200 is beyond what float32 holds"):
        load(written(tmp_path / "a.csv", text))


def test_columns_are_named_and_compressed_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(rows(20).encode()))
    data = load(path, columns=["b"])
    assert data.feature_names == ["b"]
    assert data.packed.values.shape == (20, 1)
    assert data.ids is not None
    assert data.ids[0] == "1"
    both = load(path, apart=True)
    assert both.ids is not None
    assert both.ids[:2] == ["1:a", "1:b"]


def test_arrays_are_read(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(30.0) % 7)
    assert load(tmp_path / "a.npy").packed.values.shape == (30, 1)


def test_parts_are_shares_or_rows() -> None:
    assert bounds_of((0.6, 0.2, 0.2), 1000, "") == (600, 800, 1000)
    assert bounds_of((0.5, 0.1, 0.1), 10, "") == (5, 6, 7)


def test_a_series_to_come_is_scaled_as_the_one_trained_on(tmp_path: Path) -> None:
    known = load(written(tmp_path / "a.csv", rows(20)))
    part = WindowSetData(path=str(written(tmp_path / "b.csv", "b,a\n1,2\n3,4\n5,6")), window=2)
    new = part.load_unseen(known)
    assert len(new) == 2
    assert new.feature_names == ["a", "b"]
    expected = (np.array([[2, 1], [4, 3], [6, 5]]) - known.scale.mean) / known.scale.deviation
    np.testing.assert_allclose(new.packed.values, expected, rtol=1e-6)


# --- bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (rows(20), {"columns": ["c"]}, r"data\.columns: .* has no column 'c'"),
        (rows(20), {"columns": ["a", "a"]}, r"data\.columns: 'a' is there more than once"),
        (rows(20), {"window": 12}, r"training part has 12 rows, too few for a window of 12"),
        (rows(20), {"parts": [10, 5]}, r"data\.parts: three are needed"),
        (rows(20), {"parts": [10, 5, 6]}, r"data\.parts: .* which has 20 rows"),
        (rows(20), {"parts": [0.9, 0.01, 0.01]}, r"data\.parts: .* no three parts"),
        ("a\n" + "1\n" * 20, {}, r"no column changes in the 12 rows"),
        ("a\nx\ny", {}, r"holds no series that can be read"),
        ("", {}, r"holds no series that can be read"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, text: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load(written(tmp_path / "a.csv", text), **options)


def test_values_that_were_not_there_do_not_judge_in_silence(tmp_path: Path) -> None:
    lines = rows(20).splitlines()
    lines[17:] = [f"{n},,{n * n}" for n in range(16, 20)]
    with pytest.raises(UserError, match=r"a without any value in the test part \(rows 16 to 19\)"):
        load(written(tmp_path / "a.csv", "\n".join(lines)))
    lines[18] = "17,3,289"
    data = load(written(tmp_path / "a.csv", "\n".join(lines)))
    assert any("of the test part that were missing" in line and "3" in line for line in data.report.lines())


def test_several_series_no_file_and_a_damaged_one_are_refused(tmp_path: Path) -> None:
    for name in "ab":
        written(tmp_path / f"{name}.csv", rows(20))
    with pytest.raises(UserError, match=r"2 series, and windows are cut out of one"):
        load(tmp_path)
    with pytest.raises(UserError, match=r"does not exist"):
        load(tmp_path / "c.csv")
    (tmp_path / "d.csv.gz").write_bytes(gzip.compress(rows(500).encode())[:60])
    with pytest.raises(UserError, match=r"holds no series that can be read"):
        load(tmp_path / "d.csv.gz")
    np.save(tmp_path / "e.npy", np.zeros((2, 3, 4)))
    with pytest.raises(UserError, match=r"one array of numbers"):
        load(tmp_path / "e.npy")


def test_a_column_that_never_changes_is_left_out_and_named(tmp_path: Path) -> None:
    text = "\n".join(["a,b", *(f"{n % 3},7" for n in range(20))])
    data = load(written(tmp_path / "a.csv", text))
    assert data.feature_names == ["a"]
    assert any("left out: b" in line for line in data.report.lines())
