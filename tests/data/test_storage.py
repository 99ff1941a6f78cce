"""Interactions survive the disk, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from graphcl.core.errors import UserError
from graphcl.data import storage
from graphcl.data.interactions import HeldOut, Ids, Interactions, Pairs
from graphcl.data.report import Counts, DataReport, Step


def sample(weight: bool = True) -> Interactions:
    pairs = Pairs(
        np.array([0, 1]), np.array([1, 0]), np.ones(2, np.float32) if weight else None, np.array([2**60 + 1, 3])
    )
    report = DataReport(
        "x", steps=[Step("k_core=2", Counts(3, 2, 1), Counts(2, 1, 1))], split={"by": "random", "seed": 3}
    )
    names = np.array(["Ä", ""], dtype=object)
    return Interactions(
        Ids.of(["007", "a\nb"]), Ids.of(["", "é"]), pairs, HeldOut(pairs.take(np.array([0])), pairs), names, report
    )


@pytest.mark.parametrize("weight", [True, False])
def test_round_trip(tmp_path: Path, weight: bool) -> None:
    data = sample(weight)
    data.save(tmp_path / "data")
    back = Interactions.load(tmp_path / "data")
    for ids in ("users", "items"):
        assert getattr(back, ids).values.tolist() == getattr(data, ids).values.tolist()
    for before, after in (
        (data.train, back.train),
        (data.held_out.valid, back.held_out.valid),
        (data.held_out.test, back.held_out.test),
    ):
        for column in ("users", "items", "weight", "time"):
            expected, found = getattr(before, column), getattr(after, column)
            assert (expected is None) == (found is None)
            if expected is not None:
                assert expected.dtype == found.dtype
                np.testing.assert_array_equal(expected, found)
    assert back.item_names is not None
    assert back.item_names.tolist() == ["Ä", ""]
    assert back.report == data.report
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


def test_existing_folder_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(UserError, match="exists already"):
        sample().save(tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []


def test_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage, "write_header", full)
    with pytest.raises(UserError, match=r"cannot write .*: No space left on device"):
        sample().save(tmp_path / "data")
    assert list(tmp_path.iterdir()) == []


def test_unwritable_place(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write"):
        sample().save(tmp_path / "file" / "data")


@pytest.mark.parametrize("name", ["pairs.safetensors", "users.parquet", "items.parquet", "data.json"])
@pytest.mark.parametrize("damage", ["truncate", "remove"])
def test_damage_is_one_line(tmp_path: Path, name: str, damage: str) -> None:
    sample().save(tmp_path / "data")
    path = tmp_path / "data" / name
    if damage == "remove":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UserError) as error:
        Interactions.load(tmp_path / "data")
    assert "\n" not in str(error.value)


def test_another_version(tmp_path: Path) -> None:
    sample().save(tmp_path / "data")
    (tmp_path / "data" / "data.json").write_text(json.dumps({"version": 99}))
    with pytest.raises(UserError, match="has data format version 99, this graphcl reads version 1"):
        Interactions.load(tmp_path / "data")
