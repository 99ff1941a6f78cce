"""Reading sets of series: every format, and what is missing, constant, or of another rate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graphcl.core.errors import UserError
from graphcl.data.series_sets.chains_of_values import PackedChains, SeriesSet
from graphcl.data.series_sets.folder import read_series_folder
from graphcl.data.series_sets.series_set import SeriesSetData

NAN = float("nan")


def load(path: Path | str = "", **options: Any) -> SeriesSet:
    return SeriesSetData(path=str(path), **options).load(seed=0)


def saved(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def series(data: SeriesSet) -> list[list[list[float]]]:
    """Values of each, channel by channel."""
    return [graph.x.T.tolist() for graph in data.packed]


def test_waves_are_there_without_a_file() -> None:
    data = SeriesSetData().load(seed=0)
    assert len(data) == 150
    assert torch.bincount(data.labels).tolist() == [50, 50, 50]
    assert data.packed.x.shape[1] == 2
    torch.testing.assert_close(data.packed.x.mean(0), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(data.packed.x.std(0, correction=0), torch.ones(2))


def test_a_batch_is_chains_with_places() -> None:
    packed = PackedChains.of([torch.arange(3.0)[:, None], torch.tensor([[7.0]]), torch.arange(2.0)[:, None]])
    batch = packed.batch(torch.tensor([2, 0, 1]))
    assert batch.x.flatten().tolist() == [0, 1, 0, 1, 2, 7]
    assert batch.pos.tolist() == [0, 1, 0, 1, 2, 0]
    assert batch.edge_index.tolist() == [[0, 2, 3], [1, 3, 4]]
    assert [graph.pos.tolist() for graph in batch.to_data_list()] == [[0, 1], [0, 1, 2], [0]]
    assert packed[0].edge_index.tolist() == [[0, 1], [1, 2]]


# --- arrays ----------------------------------------------------------------------------------------


def test_series_padded_with_nan_end_early_and_gaps_are_filled(tmp_path: Path) -> None:
    x = np.array([
        [[1, 2, 3, NAN], [5, NAN, 7, NAN]], [[NAN, 4, NAN, 8], [NAN, 1, 1, 1]], [[NAN] * 4, [0, 0, NAN, NAN]],
    ])  # fmt: skip
    data = load(saved(tmp_path / "a.npz", X=x, y=["a", "b", "a"]), scale="none")
    assert series(data) == [[[1, 2, 3], [5, 6, 7]], [[4, 6, 8], [1, 1, 1]], [[4, 4], [0, 0]]]
    notes = data.report.lines()
    assert "missing values at the ends of 3 series are cut off: lengths differ" in notes
    assert "missing values filled from those beside them: 4" in notes
    assert "channels without any value in a series, filled with the channel's mean: 1" in notes
    assert "3 series of 2 to 3 samples in 2 channels, 2 classes" in notes


def test_series_without_a_value_are_left_out_and_their_labels_with_them(tmp_path: Path) -> None:
    x = np.array([[1.0, 2], [NAN, NAN], [3, 4], [np.inf, NAN], [5, 6]])
    data = load(saved(tmp_path / "a.npz", X_train=x, y_train=[0, 1, 1, 0, 0], X_test=x, y_test=[0, 1, 1, 0, 0]))
    assert data.labels.tolist() == [0, 1, 0] * 2
    assert data.split is not None
    assert data.split.sizes() == {"train": 3, "valid": 0, "test": 3}
    assert "skipped 4 series without a value" in data.report.lines()


@pytest.mark.parametrize("scale", ["set", "series", "level", "none"])
def test_a_value_that_float32_does_not_hold_is_refused(tmp_path: Path, scale: str) -> None:
    x = np.ones((3, 2, 4))
    x[1, 0, 2], x[2, 1, 3] = np.inf, -1e200
    with pytest.raises(UserError, match=r"a\.npz: series 2, channel 1: the value -1e\+200 is beyond what float32"):
        load(saved(tmp_path / "a.npz", X=x), scale=scale)


def test_a_level_is_of_all_channels_of_a_series_together(tmp_path: Path) -> None:
    """Louder or brighter records are the same record; how channels stand beside each other stays."""
    x = np.random.default_rng(0).standard_normal((3, 2, 5)) + np.array([0.0, 2.0])[:, None]
    path = saved(tmp_path / "a.npz", X=np.concatenate([x, 7 * x + 3, np.full((1, 2, 5), 4.0)]))
    data = load(path, scale="level")
    found = torch.stack([graph.x for graph in data.packed])
    torch.testing.assert_close(found[:3], found[3:6], atol=1e-5, rtol=0)
    alone = (x - x.mean(axis=(1, 2), keepdims=True)) / x.std(axis=(1, 2), keepdims=True)
    stacked = np.concatenate([*alone, *alone, np.zeros((2, 5))], axis=1)
    expected = (alone - stacked.mean(axis=1)[:, None]) / stacked.std(axis=1)[:, None]
    torch.testing.assert_close(found[:3], torch.from_numpy(expected.transpose(0, 2, 1)).float(), atol=1e-5, rtol=0)
    again = SeriesSetData(path=str(path), scale="level").load_unseen(data)
    assert torch.equal(again.packed.x, data.packed.x)


def test_a_constant_channel_is_named_and_becomes_0(tmp_path: Path) -> None:
    x = np.stack([np.arange(12.0).reshape(3, 4), np.full((3, 4), 1e9)], axis=1)
    for scale in ("set", "series"):
        data = load(saved(tmp_path / "a.npz", X=x), scale=scale)
        assert torch.equal(data.packed.x[:, 1], torch.zeros(12))
        assert float(data.packed.x[:, 0].abs().max()) < 2
        assert "channels that are constant, and say nothing: 1" in data.report.lines()


def test_the_scale_is_that_of_the_training_part(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", X_train=[[0.0, 2.0], [0.0, 2.0]], X_test=[[101.0, 103.0]])
    assert series(load(path)) == [[[-1, 1]], [[-1, 1]], [[100, 102]]]
    assert series(load(path, scale="series")) == [[[-1, 1]]] * 3


def test_series_can_be_brought_to_one_length(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", X=[[0.0, 1, 2, NAN], [0, 3, NAN, NAN]])
    assert series(load(path, scale="none", length=4)) == [
        [[0, pytest.approx(2 / 3), pytest.approx(4 / 3), 2]], [[0, 1, 2, 3]],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": np.zeros((2, 3, 4, 5))}, r"got float64 \(2, 3, 4, 5\); .* data.kind=skeleton_set"),
        ({"X": np.array([["a", "b"]])}, "series are numbers"),
        ({"X": np.full((2, 3), NAN)}, "there is no series with a value"),
        ({"X": np.array([[1.0], [1.0, 2.0]], dtype=object)}, "save plain numbers, what is shorter padded with NaN"),
        ({"X": np.zeros((2, 3)), "y": [0, 0]}, "all of one class"),
        ({"X": np.zeros((2, 3)), "y": [0.5, 1.5]}, "is a real number"),
        ({"X_train": np.zeros((2, 1, 3)), "X_test": np.zeros((2, 2, 3))}, "different numbers of channels: 1, 2"),
        ({"Y": np.zeros(3)}, "no array called x or series"),
    ],
)
def test_arrays_that_are_no_series(arrays: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        load(saved(tmp_path / "a.npz", **arrays))


def test_names_and_paths_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1")
    for path, options, message in (
        (tmp_path / "absent", {}, "does not exist"), (tmp_path / "a.txt", {}, "is none of these"),
        ("", {"name": "italy"}, "unknown data set 'italy'"), (tmp_path, {}, "skipped 1 file, not CSV"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=message):
            load(path, **options)


# --- the UCR archive -------------------------------------------------------------------------------

TS = "# made by hand\n@problemName toy\n@timeStamps false\n@classLabel true a b\n@data\n"


def test_ts_files_of_a_pair(tmp_path: Path) -> None:
    (tmp_path / "Toy_TRAIN.ts").write_text(TS + "1,2,3:4,?,6:a\n0,1:2,3:b\n\n1,1,1:2,2,2:a\n")
    (tmp_path / "Toy_TEST.ts").write_text(TS + "9,8:7,6:b\n")
    for path in (tmp_path, tmp_path / "Toy_TRAIN.ts", tmp_path / "Toy_TEST.ts"):
        data = load(path, scale="none")
        assert series(data) == [[[1, 2, 3], [4, 5, 6]], [[0, 1], [2, 3]], [[1, 1, 1], [2, 2, 2]], [[9, 8], [7, 6]]]
        assert data.labels.tolist() == [0, 1, 0, 1]
        assert data.split is not None
        assert data.split.test.tolist() == [3]


def test_tsv_files(tmp_path: Path) -> None:
    (tmp_path / "Toy.tsv").write_text("1\t0.5\t1.5\n-1\t2\tNaN\n1\t3\t4\n")
    data = load(tmp_path / "Toy.tsv", scale="none")
    assert series(data) == [[[0.5, 1.5]], [[2]], [[3, 4]]]
    assert data.class_names == ["-1", "1"]
    assert data.labels.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.ts", TS + "1,x:a\n", r"a\.ts:6: could not convert"),
        ("a.ts", "1,2:a\n", r"a\.ts:1: values before the line @data"),
        ("a.ts", TS + "1,2:a\n1:2:b\n", "different numbers of channels: 1, 2"),
        ("a.ts", "@timeStamps true\n@data\n", "values with time stamps are not read"),
        ("a.ts", TS, "there are no series"),
        ("a.ts", TS + "a\n", "a class without values"),
        ("a.tsv", "1 2 3\n", r"a\.tsv:1: a class and values after it"),
        ("a.tsv", "", "there are no series"),
    ],
)
def test_files_of_the_archive_that_are_damaged(name: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=message):
        load(tmp_path / name)


# --- folders of CSV files --------------------------------------------------------------------------


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_files_are_series_and_folders_classes(tmp_path: Path) -> None:
    write(tmp_path / "walk" / "a.csv", "x,y\n1,2\n3,4\n")
    write(tmp_path / "walk" / "b.csv", "y;x\n5;6\n7;8\n9;\n")
    write(tmp_path / "run" / "a.csv", "y,z,a\n0,0,0\n")
    write(tmp_path / "run" / "c.csv", "x,y\n0,0\n")
    write(tmp_path / "run" / "d.csv", "x,z\n0,0\n")
    write(tmp_path / "run" / "empty.csv", "")
    write(tmp_path / "run" / "words.csv", "x,y\nup,down\n")
    write(tmp_path / "readme.md", "# no series")
    data = load(tmp_path, scale="none")
    assert data.ids == ["run/c.csv", "walk/a.csv", "walk/b.csv"]
    assert data.feature_names == ["x", "y"]
    assert series(data) == [[[0], [0]], [[1, 3], [2, 4]], [[6, 8, 8], [5, 7, 9]]]
    assert data.labels.tolist() == [0, 1, 1]
    notes = "\n".join(data.report.lines())
    for reason in (
        "1 file, not CSV (the first: readme.md)", "2 files, with other columns than most (the first: run/a.csv)",
        "empty, or no table (the first: run/empty.csv)", "without a number (the first: run/words.csv)",
        "series of a single sample, kept: 1",
    ):  # fmt: skip
        assert reason in notes


def test_tables_as_spreadsheets_and_pandas_write_them(tmp_path: Path) -> None:
    """Commas in numbers, blanks behind commas, a mark at the beginning, an index without a name, words in a column."""
    write(tmp_path / "a.csv", "x;y;who\n0,5;1;ann\n1,5;2;bob\n")
    write(tmp_path / "b.csv", "\ufeffx, y, who\n3, 4, ann\n")
    write(tmp_path / "c.csv", ",x,y,who\n0,5.5,6,ann\n1,7,8,ann\n")
    write(tmp_path / "d.csv", "x\ty\twho\n9\t10\tann\n")
    data = load(tmp_path, scale="none")
    assert series(data) == [[[0.5, 1.5], [1, 2]], [[3], [4]], [[5.5, 7], [6, 8]], [[9], [10]]]
    assert data.feature_names == ["x", "y"]
    assert "columns without a number, left out: who" in data.report.lines()
    write(tmp_path / "bare" / "a.csv", "0,5;1,5\n2,5;3,5\n")
    assert series(load(tmp_path / "bare", scale="none")) == [[[0.5, 2.5], [1.5, 3.5]]]


def test_a_folder_alone_is_no_class(tmp_path: Path) -> None:
    for name in "ab":
        write(tmp_path / "2024" / f"{name}.csv", "x\n1\n2\n")
    data = load(tmp_path)
    assert data.labels.tolist() == [-1, -1]
    assert "one class alone, 2024, and nothing to tell it from: read as without labels" in data.report.lines()


def test_series_of_different_rates_are_brought_to_the_slowest(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "time,v\n0,0\n2,20\n4,40\n")
    write(tmp_path / "b.csv", "time,v\n3,30\n0,0\n1,10\n2,20\n4,40\n4,99\n")
    data = load(tmp_path, scale="none")
    assert series(data) == [[[0, 20, 40]], [[0, 20, 40]]]
    assert "series have steps of 1 to 2; those of shorter ones are resampled to 2" in data.report.lines()


def test_times_may_be_dates_and_files_without_names(tmp_path: Path) -> None:
    for name, step in (("a", 1), ("b", 2)):
        rows = "".join(f"2024-01-01T00:00:0{step * n},{n}\n" for n in range(3))
        write(tmp_path / "dates" / f"{name}.csv", "timestamp,v\n" + rows)
    assert series(load(tmp_path / "dates", scale="none")) == [[[0, 2]], [[0, 1, 2]]]
    write(tmp_path / "bare" / "a.csv", "1,2\n3,4\n")
    write(tmp_path / "bare" / "b.csv", "5,6\n")
    assert series(load(tmp_path / "bare", scale="none")) == [[[1, 3], [2, 4]], [[5], [6]]]


# --- kept and unseen -------------------------------------------------------------------------------


def test_what_a_run_keeps_is_what_it_read(tmp_path: Path) -> None:
    data = SeriesSetData().load(seed=0)
    data.save(tmp_path / "kept")
    kept = SeriesSetData.read(tmp_path / "kept")
    assert isinstance(kept.packed, PackedChains)
    assert torch.equal(kept.packed.batch().pos, data.packed.batch().pos)
    assert kept.scale.mean.tolist() == data.scale.mean.tolist()


def test_unseen_series_are_scaled_as_those_trained_on(tmp_path: Path) -> None:
    path, other = saved(tmp_path / "a.npz", X=[[0.0, 2.0], [0.0, 2.0]]), saved(tmp_path / "b.npz", X=[[10.0, 14.0]])
    for scale, expected in (("set", [[[9, 13]]]), ("series", [[[-1, 1]]]), ("none", [[[10, 14]]])):
        new = SeriesSetData(path=str(other), scale=scale).load_unseen(load(path, scale=scale))
        assert series(new) == expected
    with pytest.raises(UserError, match="1 channels, and the run was trained on 2"):
        SeriesSetData(path=str(path)).load_unseen(SeriesSetData().load(seed=0))


def test_channels_of_unseen_files_are_found_by_their_names(tmp_path: Path) -> None:
    write(tmp_path / "old" / "a.csv", "x,y\n1,2\n3,4\n")
    write(tmp_path / "old" / "b.csv", "x,y\n5,6\n7,8\n")
    write(tmp_path / "new" / "c.csv", "y,x\n20,10\n")
    write(tmp_path / "other" / "d.csv", "x,z\n1,2\n")
    trained = load(tmp_path / "old", scale="none")
    assert series(SeriesSetData(path=str(tmp_path / "new"), scale="none").load_unseen(trained)) == [[[10], [20]]]
    with pytest.raises(UserError, match="channels x, z; the run was trained on x, y"):
        SeriesSetData(path=str(tmp_path / "other")).load_unseen(trained)


# --- times -----------------------------------------------------------------------------------------


def test_a_numbered_series_keeps_its_number_where_another_is_skipped(tmp_path: Path) -> None:
    values = np.random.default_rng(0).standard_normal((5, 1, 8))
    values[1] = np.nan
    np.savez(tmp_path / "a.npz", X=values, y=[0, 1, 0, 1, 0])
    assert SeriesSetData(path=str(tmp_path / "a.npz")).load(seed=0).ids == ["0", "2", "3", "4"]


def test_what_is_done_to_rows_by_their_times_is_told(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "time,v\n31.01.2020,0\n01.02.2020,1\n03.02.2020,3\n04.02.2020,4\n05.02.2020,5\n")
    write(tmp_path / "b.csv", "time,v\n02.02.2020,1\n01.02.2020,0\n01.02.2020,9\nsoon,7\n")
    raw = read_series_folder(tmp_path)
    assert [series[:, 0].tolist() for series in raw.values] == [[0, 1, 3, 4, 5], [0, 1]]
    told = "; ".join(raw.notes)
    for part in ("rows of 1 series were put in order", "can be read in `time`, left out: 1",
                 "that was there already, left out: 1", "steps missing in `time`: 1"):  # fmt: skip
        assert part in told


@pytest.mark.parametrize("name", ["when", "Datum", "ds"])
def test_words_that_are_dates_are_times(tmp_path: Path, name: str) -> None:
    write(tmp_path / "a.csv", f"v,{name}\n1,2020-01-02\n0,2020-01-01\n2,2020-01-03\n")
    raw = read_series_folder(tmp_path / "a.csv")
    assert raw.values[0].tolist() == [[0], [1], [2]]
    assert any(f"put in order by `{name}`" in note for note in raw.notes)


def test_a_date_that_all_rows_have_is_no_time(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "born,v\n2000-01-01,1\n2000-01-01,2\n")
    assert read_series_folder(tmp_path / "a.csv").values[0].tolist() == [[1], [2]]


def test_a_time_of_day_is_read_with_its_date(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "Date,Time,v\n02/01/2020,00:00,3\n01/01/2020,12:00,2\n01/01/2020,00:00,1\n")
    assert read_series_folder(tmp_path / "a.csv").values[0].tolist() == [[1], [2], [3]]


def test_rows_whose_times_are_no_times_stay(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "t,v\nup,2\ndown,1\n")
    raw = read_series_folder(tmp_path / "a.csv")
    assert raw.values[0].tolist() == [[2], [1]]
    assert any("rows stay as they are" in note for note in raw.notes)


def test_dates_that_can_be_read_two_ways_are_named(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "time,v\n03/02/2020,1\n01/05/2020,2\n02/03/2020,3\n")
    with pytest.raises(UserError, match=r"time: dates such as 03/02/2020 can be read with the day first or the month"):
        read_series_folder(tmp_path / "a.csv")
