"""A cell that trains a recipe and returns its metrics."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.cells import data_root


def train(recipe: str, overrides: list[str], plugins: bool = False, log: bool = False) -> dict[str, Any]:
    """Train in this process; metrics, protocol and, with ``log``, the validation curve."""
    import graphcl

    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        fitted = graphcl.fit(
            graphcl.load(recipe, *overrides, allow_plugins=plugins), out=out, data_root=data_root()
        )
        protocol = json.loads((out / "protocol.json").read_text())
        lines = (out / "log.jsonl").read_text().splitlines() if log else []
    record: dict[str, Any] = {
        "recipe": recipe, "overrides": overrides, "metrics": fitted.metrics,
        "protocol": protocol, "fit_s": round(time.perf_counter() - began, 2),
    }
    if log:
        record["log"] = [json.loads(line) for line in lines]
    return record
