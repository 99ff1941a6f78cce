"""``log.jsonl`` of a run: one record for each epoch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from graphcl.core.files import write_text
from graphcl.engine.run import RunFolder


def append_log(run: RunFolder, record: Mapping[str, Any]) -> None:
    """Add the record of an epoch."""
    with open(run.log, "a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def trim_log(run: RunFolder, stage: str, epoch: int) -> None:
    """Forget the epochs of a stage after this one, which come again, and a line that a kill cut off."""
    if not run.log.is_file():
        return
    kept = []
    for line in run.log.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if record["stage"] != stage or record["epoch"] <= epoch:
            kept.append(line)
    write_text(run.log, "".join(line + "\n" for line in kept))


def read_log(run: RunFolder) -> list[dict[str, Any]]:
    """The records of ``log.jsonl``, one per epoch."""
    if not run.log.is_file():
        return []
    return [json.loads(line) for line in run.log.read_text(encoding="utf-8").splitlines() if line]
