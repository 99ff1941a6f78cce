"""What only looks at recipes starts at once: it must not import torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import environment

HEAVY = ("torch", "torch_geometric", "pandas", "scipy", "sklearn", "pyarrow")

PROBE = f"""
import sys
from graphcl.cli.main import run
code = run(sys.argv[1:])
heavy = [name for name in {HEAVY} if name in sys.modules]
sys.exit(f"imported {{heavy}}" if heavy else code)
"""


@pytest.mark.parametrize(
    "command",
    [
        ["--help"],
        ["augment", "--help"],
        ["train", "--help"],
        ["--version"],
        ["list"],
        ["list", "terms"],
        ["show", "lightgcl"],
        ["check", "lightgcl", "train.epochs=3"],
    ],
    ids=" ".join,
)
def test_imports_nothing_heavy(command: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *command],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
