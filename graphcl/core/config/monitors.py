"""The metric that chooses the best epoch: whether there will be such a one, known before any data is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphcl.core import schema
from graphcl.core.config.values import Problem
from graphcl.core.errors import suggestion

#: Needs no metric: the training loss.
BY_LOSS = "loss"


def check_monitor(tree: Mapping[str, Any]) -> Iterator[Problem]:
    """``train.monitor`` of a complete tree, where its task, or the probe that judges, names its metrics."""
    monitor, evaluation = tree["train"]["monitor"], tree["eval"]
    of = ("probe", evaluation["probe"]) if evaluation.get("probe") else ("task", tree["task"])
    names = schema.part_schema(*of)["meta"].get("metrics")
    if names is None or monitor == BY_LOSS:
        return
    cuts = evaluation.get("k", [])
    known = [f"{name}{k}" for name in names for k in (cuts if name.endswith("@") else [""])]
    if monitor not in known:
        yield "train.monitor", f"'train.monitor': no metric {monitor!r}{suggestion(monitor, known)}"
