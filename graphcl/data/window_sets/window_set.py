"""The data part of forecasting: windows of one long series, each a chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.options import Count, Distinct, Positive, UserPath
from graphcl.core.registry import register
from graphcl.core.words import counted, listed
from graphcl.data.cards import FromCard, open_card
from graphcl.data.graph_sets.graph_set import GraphSet
from graphcl.data.graph_sets.packed import hash_of
from graphcl.data.graphs.splits import NodeSplit
from graphcl.data.report import DataReport
from graphcl.data.series_sets.raw import RawSeriesSet, Scale
from graphcl.data.window_sets.packed import PackedWindows
from graphcl.data.window_sets.table import (
    bounds_of,
    fill_forward,
    leave_out_constant,
    make_hours,
    read_long,
    require_distinct,
    require_known,
    take_columns,
)

#: Rows that are made where no data is named.
GENERATED = 1500


@dataclass(frozen=True, eq=False)
class WindowSet(GraphSet):
    """A set of graphs whose graphs are windows of one series; ``packed`` is :class:`PackedWindows`.

    ``split`` says by the row after each window which part it is of.

    Attributes:
        scale: How the values were scaled, for series to come.
        stride: Rows between the ends of two windows that training sees.
    """

    packed: PackedWindows  # type: ignore[assignment]
    scale: Scale = field(kw_only=True)
    stride: int = field(kw_only=True)

    @property
    def future(self) -> PackedWindows:
        """See :attr:`GraphSet.future`."""
        return self.packed

    @property
    def seen(self) -> Tensor | None:
        """Every ``stride``-th window of the training part, so that no later row is seen."""
        if self.split is None:
            return None
        end = self.packed.end.index_select(0, self.split.train)
        return self.split.train[(end - end[0]) % self.stride == 0]

    def save(self, folder: Path) -> None:
        """See :meth:`GraphSet.save`."""
        from graphcl.data.window_sets.storage import save_windows

        save_windows(self, folder)


@register("data", "window_set", example={"window": 24, "stride": 24}, task="graph")
class WindowSetData(FromCard):
    """Windows of one long series with one or several channels, each a chain of its rows; nothing has a class.

    By name: ``generated`` (hours made by a formula; offline) or a data card (``etth1``). By path: a CSV file with a row
    a time and a column a channel, also compressed (``.csv.gz``), or an ``.npy`` or ``.npz`` with one array [time,
    channels]. Rows are put in the order of their times (a column called ``time``, ``timestamp``, ``date``, ``t``, or
    one of dates) and taken to be equally far apart; a missing value is the last one known.

    What was learned is judged by forecasts (``eval.probe=forecast``). A window is of the part that the row after it is
    of: training sees rows of the training part alone, and values are scaled by its mean and deviation.
    """

    part = "window_set"
    #: Options that data to come have as the run has them.
    fixed: ClassVar[tuple[str, ...]] = ("columns", "apart", "relative", "stride", "parts")

    def __init__(
        self,
        name: str = "generated",
        path: UserPath = "",
        window: Count = 168,
        columns: Distinct = [],  # noqa: B006 - never written to
        apart: bool = False,
        relative: bool = False,
        stride: Count = 1,
        parts: Sequence[Positive] = (0.6, 0.2, 0.2),
        *,
        data_root: Path | None = None,
    ) -> None:
        """
        Args:
            name: Data set: generated, or the name of a card.
            path: A file; wins over name.
            window: Rows of a window.
            columns: Channels that are read and forecast; none takes all.
            apart: Whether each channel is a series of its own, all read and forecast with the same weights.
            relative: Whether a window, and what is forecast after it, is less the window's last row.
            stride: Rows between the ends of two windows that training sees; forecasts are fitted and judged at all.
            parts: Training, validation and test part in this order in time, as shares of the rows or as numbers of
                rows.
            data_root: Folder in which named data sets are looked up first.

        Raises:
            UserError: a column is named twice.
        """
        require_distinct(columns)
        self.name, self.path, self.window, self.columns = name, path, window, columns
        self.apart, self.relative, self.stride, self.parts, self.data_root = apart, relative, stride, parts, data_root

    @staticmethod
    def read(folder: Path) -> WindowSet:
        """The windows that a run keeps in its folder.

        Raises:
            UserError: not such a folder, damaged, or of another format version.
        """
        from graphcl.data.window_sets.storage import load_windows

        return load_windows(folder)

    def load(self, *, seed: int) -> WindowSet:
        """Read, fill, scale and part.

        Args:
            seed: Of the run; made data follow from it.

        Raises:
            UserError: the data cannot be found or used, or are too short for a window.
        """
        raw, report = self._located(seed)
        take_columns(raw, self.columns)
        known = dict(zip(raw.channels, np.isfinite(raw.values[0]).T, strict=True))
        fill_forward(raw)
        bounds = bounds_of(self.parts, len(raw.values[0]), raw.source)
        if bounds[0] <= self.window:
            raise UserError(
                f"{raw.source}: the training part has {counted(bounds[0], 'row')}, too few for a window of "
                f"{self.window} and a row after it; lower data.window"
            )
        leave_out_constant(raw, bounds[0])
        require_known(raw, known, bounds)
        scale = Scale.of("set", [raw.values[0][: bounds[0]]])
        packed = self._cut(scale.apply(raw.values[0][: bounds[2]]), bounds)
        split = _split(packed, bounds)
        self._describe(raw, packed, report, split)
        return self._made(packed, raw.channels, report, scale, split)

    def load_unseen(self, trained_on: WindowSet) -> WindowSet:
        """Read a series to embed with what was trained on another: the same channels, all windows, scaled as those.

        Args:
            trained_on: Whose channels the new series must have.

        Raises:
            UserError: the data cannot be found or used, lacks a channel, or is shorter than a window.
        """
        raw, report = self._located(0)
        take_columns(raw, trained_on.feature_names)
        fill_forward(raw)
        if (rows := len(raw.values[0])) < self.window:
            raise UserError(f"{raw.source}: {counted(rows, 'row')}, fewer than a window of {self.window}")
        packed = self._cut(trained_on.scale.apply(raw.values[0]), (rows,))
        self._describe(raw, packed, report)
        return self._made(packed, raw.channels, report, trained_on.scale)

    def _located(self, seed: int) -> tuple[RawSeriesSet, DataReport]:
        if self.path:
            return read_long(Path(self.path)), DataReport(self.path, "table", {"all": self.path})
        if self.name == "generated":
            return make_hours(GENERATED, seed), DataReport(source="generated (synthetic)", format="table")
        card, folder, report = open_card(self.name, "graph", self.data_root, "window_set")
        report.format = "table"
        return read_long(folder / next(iter(card.files))), report

    def _cut(self, values: Tensor, bounds: tuple[int, ...]) -> PackedWindows:
        return PackedWindows.of(values, bounds, window=self.window, apart=self.apart, relative=self.relative)

    def _made(
        self, packed: PackedWindows, channels: list[str], report: DataReport, scale: Scale,
        split: NodeSplit | None = None,
    ) -> WindowSet:  # fmt: skip
        columns = [f":{channels[n]}" if n >= 0 else "" for n in packed.column.tolist()]
        ids = [f"{end}{column}" for end, column in zip(packed.end.tolist(), columns, strict=True)]
        none = torch.full((len(packed),), -1)
        return WindowSet(
            packed, none, 0, ids, [], report, "values", channels, split, scale=scale, stride=self.stride
        )

    def _describe(
        self, raw: RawSeriesSet, packed: PackedWindows, report: DataReport, split: NodeSplit | None = None
    ) -> None:
        for note in raw.notes:
            report.note(note)
        what = "a channel each" if self.apart else counted(len(raw.channels), "channel")
        told = f"{listed(raw.channels)}: {counted(len(packed), 'window')} of {self.window} rows, {what}"
        report.note(f"{counted(len(raw.values[0]), 'row')} of {told}")
        if split is not None:
            report.split = {"by": "time", "sizes": split.sizes()}
        parts = repr((self.window, self.relative))
        report.split_hash = hash_of(packed.values, packed.end, packed.column, packed.room, of=parts)


def _split(packed: PackedWindows, bounds: tuple[int, int, int]) -> NodeSplit:
    """The part of the row after each window."""
    following = packed.end + 1
    edges = (0, *bounds)
    train, valid, test = (
        ((following >= low) & (following < high)).nonzero().view(-1) for low, high in zip(edges, bounds, strict=False)
    )
    return NodeSplit(train, valid, test)
