"""Series: chains of samples under the graph task."""

from __future__ import annotations

from typing import ClassVar

from graphcl.core.registry import register
from graphcl.tasks.graph import GraphTask


@register(
    "task",
    "series_set",
    example={"folds": 3, "probe": "linear", "probe_options": {"grid": [1.0]}, "baselines": ["flat_features"]},
    rows=("batch",),
    types=(),
    data="series_set",
    monitor="accuracy",
)
class SeriesSetTask(GraphTask):
    """The task `graph` over series, each a chain of its samples.

    The baseline ``flat_features`` is the probe on raw values.
    """

    data_part: ClassVar[str] = "series_set"
    name: ClassVar[str] = "series_set"
