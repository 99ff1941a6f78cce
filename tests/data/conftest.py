"""A log of one's own in one line: write a file, load it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graphcl.core.build import build
from graphcl.data.interactions import Interactions
from tests.data.small_logs import Load


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """``load(text or bytes, name="log.csv", seed=0, **options)``: what the data part makes of such a file."""

    def run(content: str | bytes, name: str = "log.csv", seed: int = 0, **options: Any) -> Interactions:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return build("data", "interactions", {"path": str(path), **options}).load(seed=seed)

    return run
