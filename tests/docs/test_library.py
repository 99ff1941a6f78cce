"""docs/library.md does what it says: its blocks are run in order, in an empty folder."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphcl.cli import main
from graphcl.core import registry
from tests.cli.conftest import Command, graphcl  # noqa: F401

PAGE = Path(__file__).resolve().parents[2] / "docs" / "library.md"


def blocks() -> list[tuple[str, str, str]]:
    """(language, file name or "", text) of every block of code."""
    block = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
    return block.findall(PAGE.read_text(encoding="utf-8"))


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the page's files are written; what it registers is gone afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    registry.load_all()  # a part that is first imported below would be forgotten with the copy
    monkeypatch.setattr(registry, "_PARTS", dict(registry._PARTS))
    monkeypatch.delitem(sys.modules, "my_parts", raising=False)
    np.savez(tmp_path / "new.npz", x=np.ones((4, 8), np.float32), edge_index=np.array([[0, 1], [1, 2]]))
    return tmp_path


def test_every_block_runs(empty_folder: Path) -> None:
    names: dict[str, object] = {}
    ran = []
    for language, file, text in blocks():
        ran.append((language, file))
        if file:
            Path(file).write_text(text, encoding="utf-8")
        elif language == "python":
            exec(compile(text, str(PAGE), "exec"), names)
        else:
            for line in text.splitlines():
                assert main.run(shlex.split(line)[1:]) == 0, line
    assert len(ran) == 14
    assert len(pd.read_parquet("new.parquet")) == 4
    lines = [line for line in Path("my_parts.py").read_text().splitlines() if line.strip()]
    assert len(lines) == 10


def test_a_plugin_needs_permission_and_is_then_found_by_name(
    empty_folder: Path, graphcl: Command, capsys: pytest.CaptureFixture[str]  # noqa: F811
) -> None:
    for _, file, text in blocks():
        if file:
            Path(file).write_text(text, encoding="utf-8")
    refused = graphcl("check", "blurred.yaml")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "it would run code of the module 'my_parts'" in refused.err
    assert "my_parts" not in sys.modules
    assert graphcl("check", "blurred.yaml", "--allow-plugins").code == 0
    misspelt = graphcl("check", "blurred.yaml", "views.a.augment.blur_features.scal=1", "--allow-plugins")
    assert "nearest: 'views.a.augment.blur_features.scale'" in misspelt.err
    fast = ["train.epochs=1", "train.threads=1", "eval.baselines=[]", "--out", "run", "--quiet"]
    assert graphcl("train", "blurred.yaml", *fast, "--allow-plugins").code == 0
