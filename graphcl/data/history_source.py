"""The data part of sequences: what each user did, in order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from graphcl.core.errors import UserError
from graphcl.core.options import Count
from graphcl.core.registry import register
from graphcl.data import generated
from graphcl.data.histories import Histories, RowLayout, build_histories
from graphcl.data.log import Log
from graphcl.data.log_source import LogData
from graphcl.data.readers import Table
from graphcl.data.report import DataReport
from graphcl.data.returns import Returns
from graphcl.data.splits import By, Split


@register("data", "histories", example={"name": "generated"}, reads="log")
class HistoriesData(LogData):
    """A log as histories: what each user did, in order and with repeats; what is later is held out.

    The order is that of the time column where one is named or has a usual name, and events of equal time stay in the
    order of the file. Without one it is the order of the file: of its rows, or of the items in a line that holds all
    of a user.
    """

    part: ClassVar[str] = "histories"
    default_by: ClassVar[By] = "leave_one_out"
    weighted: ClassVar[bool] = False

    def __init__(
        self,
        repeats: Literal["keep", "last"] = "keep",
        max_len: Count = 50,
        row_layout: RowLayout = "packed",
        returns: Returns | None = None,
        **common: Any,
    ) -> None:
        """
        Args:
            repeats: What becomes of several rows of one user and item. keep: all are events. last: the last one is.
            max_len: Most items of a history that a model reads, the last ones.
            row_layout: packed: one example a user, which predicts at every item. prefix: one example for every item
                that has one before it, so that items are read many times; for comparison with code that does so.
                whole: one example a user, read to its end, for recipes that hide items and find them again.
            returns: Two rewards of each event, from its rating and time, for recipes that ask for a return: how they
                are derived, `{}` for the defaults.
            **common: Of every log.

        Raises:
            UserError: options that contradict each other, or a split that is not by time.
        """
        super().__init__(repeats=repeats, **common)
        self.max_len, self.row_layout, self.returns = max_len, row_layout, returns
        self.reads_ratings |= returns is not None
        if self.split.by == "random":
            raise UserError("data.split.by=random would put what is later before what is held out; histories are split "
                            "by leave_one_out, temporal or temporal_user")  # fmt: skip

    @staticmethod
    def read(folder: Path) -> Histories:
        """The histories that a run keeps in its folder."""
        return Histories.load(folder)

    def generate(self) -> Log:
        """See :func:`graphcl.data.generated.generate_walks`."""
        return generated.generate_walks()

    def times(self, table: Table, split: Split) -> tuple[Sequence[str], Sequence[str]]:
        """A time is taken where there is one; only a cut at one time for all needs it.

        Raises:
            UserError: such a cut through places in lines.
        """
        if not table.user_a_line:
            return (["time"], []) if split.by == "temporal" or self.returns else ([], ["time"])
        if split.by == "temporal":
            raise UserError(f"data.split.by=temporal needs times that users share, and {table.path} has only places in "
                            "the line of each user; use leave_one_out or temporal_user")  # fmt: skip
        return [], []

    def build(
        self, log: Log, split: Split, *, seed: int, report: DataReport, item_names: np.ndarray | None
    ) -> Histories:
        """See :func:`graphcl.data.histories.build_histories`."""
        if log.time is not None:
            column = report.columns.get("time", "time")
            report.note(f"events in the order of {column!r}; those of equal time in the order of the file")
        else:
            report.note(
                "no time column of a usual name: events are in the order of the file; data.time=COLUMN orders them"
            )
        return build_histories(
            log, split, seed=seed, report=report, item_names=item_names, max_len=self.max_len,
            row_layout=self.row_layout, returns=self.returns,
        )  # fmt: skip
