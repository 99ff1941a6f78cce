"""Images: graphs of patches under the graph task."""

from __future__ import annotations

from typing import ClassVar

from graphcl.core.registry import register
from graphcl.tasks.graph import GraphTask


@register(
    "task",
    "images",
    example={"folds": 3, "probe": "linear", "probe_options": {"grid": [1.0]}, "baselines": ["flat_features"]},
    rows=("batch",),
    types=(),
    data="images",
    monitor="accuracy",
)
class ImagesTask(GraphTask):
    """The task `graph` over images, which become graphs of patches batch by batch.

    The baseline ``flat_features`` is the probe on raw pixels.
    """

    data_part: ClassVar[str] = "images"
    name: ClassVar[str] = "images"
