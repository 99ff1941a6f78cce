"""Files of a folder: classes, and what may not be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from graphcl.data.class_folders import Skipped, classes_of, list_files


def test_what_may_not_be_read_is_skipped_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a/1.csv", "a/locked.csv", "b/2.csv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    # as root, who runs some tests, may read everything
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "locked.csv")
    skipped = Skipped()
    assert [(file.name, file.label) for file in list_files(tmp_path, skipped)] == [("a/1.csv", "a"), ("b/2.csv", "b")]
    assert skipped.notes() == ["skipped 1 file, that may not be read (the first: a/locked.csv)"]
    assert list_files(tmp_path / "a" / "locked.csv", Skipped()) == []


def test_a_folder_that_may_not_be_listed_is_skipped_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shut").mkdir()
    (tmp_path / "open.csv").write_text("")
    scan = os.scandir

    def scanned(path: str | Path) -> object:
        if Path(path).name == "shut":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", scanned)
    skipped = Skipped()
    assert [file.name for file in list_files(tmp_path, skipped)] == ["open.csv"]
    assert skipped.notes() == [f"skipped 1 file, that may not be read (the first: {tmp_path / 'shut'})"]


def test_one_folder_alone_makes_no_classes() -> None:
    notes: list[str] = []
    assert classes_of(["", "", ""], notes) is None
    assert notes == []
    assert classes_of(["cat", "", "cat"], notes) is None
    assert notes == ["one class alone, cat, and nothing to tell it from: read as without labels"]
    found = classes_of(["cat", "", "dog"], notes)
    assert found is not None
    assert found.tolist() == ["cat", "", "dog"]
    assert len(notes) == 1


def test_a_folder_that_may_not_be_entered_has_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_text("")
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.X_OK)
    skipped = Skipped()
    assert list_files(tmp_path, skipped) == []
    assert skipped.notes() == [f"skipped 1 file, that may not be read (the first: {tmp_path.name})"]
