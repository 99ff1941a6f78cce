"""DGL is imported only where it is used, quietly, and its absence is one line. Runs with and without DGL."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import util
from pathlib import Path

import pytest

import graphcl

ROOT = Path(graphcl.__file__).resolve().parents[1]


def run(code: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "DGLBACKEND"}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env={**environment, "HOME": str(home), "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@pytest.mark.skipif(util.find_spec("dgl") is None, reason="DGL is not installed: pip install 'graphcl[dgl]'")
def test_importing_it_says_and_writes_nothing(tmp_path: Path) -> None:
    done = run("from graphcl.dgl import load_dgl; print(load_dgl().__version__)", tmp_path)
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    assert not (tmp_path / ".dgl").exists()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("raise ModuleNotFoundError(\"No module named 'dgl'\")", "install it with: pip install 'graphcl[dgl]'"),
        ("raise FileNotFoundError('Cannot find DGL C++ graphbolt library')", "does not load here (Cannot find DGL"),
    ],
)
def test_absent_or_broken_is_one_line_that_names_the_extra(tmp_path: Path, line: str, says: str) -> None:
    (tmp_path / "dgl.py").write_text(line)
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n" + (
        "from torch_geometric.data import Data\nfrom graphcl.core.errors import MissingExtra\n"
        "from graphcl.dgl import to_dgl\n"
        "try:\n    to_dgl(Data())\nexcept MissingExtra as error:\n    print(error)"
    )
    done = run(code, tmp_path)
    assert says in done.stdout
    assert "graphcl[dgl]" in done.stdout


def test_the_package_does_not_import_it(tmp_path: Path) -> None:
    code = "import graphcl.dgl, graphcl.graph.operators, graphcl.engine.fit, sys; print('dgl' in sys.modules)"
    assert run(code, tmp_path).stdout == "False\n"
