"""The data part of recommendation: who has which item, and what is held out."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np

from graphcl.core.registry import register
from graphcl.data import generated
from graphcl.data.build import build_interactions
from graphcl.data.interactions import Interactions
from graphcl.data.log import Log
from graphcl.data.log_source import KCore, LogData
from graphcl.data.report import DataReport
from graphcl.data.splits import By, Split

__all__ = ["InteractionsData", "KCore"]


@register("data", "interactions", example={"name": "generated"}, reads="log")
class InteractionsData(LogData):
    """A log of who did what with which item: read, filtered, split.

    >>> InteractionsData.from_card("gowalla").split.by
    'given'
    """

    part: ClassVar[str] = "interactions"
    default_by: ClassVar[By] = "random"

    @staticmethod
    def read(folder: Path) -> Interactions:
        """The interactions that a run keeps in its folder."""
        return Interactions.load(folder)

    def generate(self) -> Log:
        """See :func:`graphcl.data.generated.generate_log`."""
        return generated.generate_log()

    def build(
        self, log: Log, split: Split, *, seed: int, report: DataReport, item_names: np.ndarray | None
    ) -> Interactions:
        """See :func:`graphcl.data.build.build_interactions`."""
        return build_interactions(log, split, seed=seed, report=report, item_names=item_names)
