"""The data part of forecasting tasks: a table of metrics, standardised, parted along time."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.options import Count, Index, NonNegative
from graphcl.core.registry import register
from graphcl.core.words import counted
from graphcl.data.report import DataReport
from graphcl.data.series.known import generate_lorenz, generate_var
from graphcl.data.series.table import read_table

HeldShare = Annotated[float, Field(ge=0.0, lt=1.0)]
Part = Literal["train", "valid", "test"]
#: What of a table is stored as plain values.
PLAIN = ("names", "begins", "bounds", "context", "window", "per_epoch")


@dataclass
class TimeSplit:
    """How a table is parted along time: train, then valid, then test.

    Args:
        valid: Share of the rows to be forecast that chooses settings.
        test: Share of them, the last ones, that is judged at the end.
    """

    valid: HeldShare = 0.2
    test: HeldShare = 0.0


@dataclass(frozen=True, eq=False)
class Series:
    """A standardised table, and which rows are forecast in which part.

    Attributes:
        values: [T, C] float32.
        names: Of the columns.
        begins: Rows at which an unbroken stretch begins, 0 first.
        bounds: Rows from ``bounds[0]`` on are forecast for validation, from ``bounds[1]`` on for test.
        context: Rows of a stretch before the first one that is forecast.
        window: Rows forecast in a training window; 0 takes whole stretches.
        per_epoch: Most training windows of an epoch; 0 takes all.
        mean: [C], what was subtracted.
        scale: [C], what was divided by.
        report: What was read and decided.
    """

    values: Tensor
    names: list[str]
    begins: list[int]
    bounds: tuple[int, int]
    context: int
    window: int
    per_epoch: int
    mean: Tensor
    scale: Tensor
    report: DataReport = field(default_factory=DataReport)

    def stretches(self, part: Part) -> list[tuple[int, int]]:
        """(first, last + 1) of the rows whose next row is forecast in that part, one pair a stretch that has some."""
        valid, test = self.bounds
        low, high = {"train": (0, valid), "valid": (valid, test), "test": (test, len(self.values))}[part]
        ends = [*self.begins[1:], len(self.values)]
        pairs = [
            (max(begin + self.context - 1, low - 1), min(end, high) - 1)
            for begin, end in zip(self.begins, ends, strict=True)
        ]
        return [(first, last) for first, last in pairs if first < last]

    def save(self, folder: Path) -> None:
        """Write to a new folder, whole or not at all.

        Raises:
            UserError: the folder exists, or cannot be written.
        """
        from graphcl.data.graphs.tensors import write_tensors

        plain = {name: getattr(self, name) for name in PLAIN}
        tensors = {"values": self.values, "mean": self.mean, "scale": self.scale}
        write_tensors(folder, tensors, {**plain, "report": asdict(self.report)})


@register("data", "series", example={"name": "var", "columns": 8, "rows": 90, "window": 4,
                                     "split": {"valid": 0.2, "test": 0.2}}, takes="table")
class SeriesData:
    """A table of metrics over time, one row a time, for forecasting.

    A program gives an array [T, C] or a frame. By name there are two systems whose causal graph is known
    (:mod:`graphcl.data.series.known`): ``var`` and ``lorenz``.
    """

    def __init__(
        self,
        name: Literal["var", "lorenz", "given"] = "var",
        columns: Count = 10,
        rows: Count = 500,
        force: float = 10.0,
        normal: Index = 0,
        breaks: list[Index] = [],  # noqa: B006 - never written to
        context: Count = 3,
        window: Index = 0,
        per_epoch: Index = 0,
        clip: NonNegative = 0.0,
        split: TimeSplit = TimeSplit(),
        *,
        given: Any = None,
    ) -> None:
        """
        Args:
            name: Generated system: var (a sparse vector autoregression) or lorenz (Lorenz-96).
            columns: Series of a generated system.
            rows: Rows of a generated system.
            force: Of lorenz; the larger, the more chaotic.
            normal: Rows from the start that mean and scale are taken of; 0 takes those that are trained on.
            breaks: Rows before which time jumps: what lies before them is not read for what follows.
            context: Rows that are read before the first one of a stretch is forecast.
            window: Rows forecast in a training window; 0 takes each unbroken stretch whole.
            per_epoch: Most training windows of an epoch, drawn anew for each, so that a step costs the same however
                long the table is; 0 takes all.
            clip: Largest standardised value in either direction; 0 cuts nothing.
            split: Shares of the rows that are held out, the last in time.
            given: The table in memory, in the place of a name.
        """
        self.name, self.columns, self.rows, self.force, self.given = name, columns, rows, force, given
        self.normal, self.breaks, self.context, self.window = normal, breaks, context, window
        self.per_epoch, self.clip, self.split = per_epoch, clip, split

    @staticmethod
    def read(folder: Path) -> Series:
        """The table that a run keeps in its folder.

        Raises:
            UserError: not such a folder, damaged, or of another format version.
        """
        from graphcl.data.graphs.tensors import read_tensors

        def rebuilt(tensors: dict[str, Tensor], header: dict[str, Any]) -> Series:
            plain = {name: value for name, value in header.items() if name in PLAIN}
            valid, test = plain.pop("bounds")
            return Series(**tensors, **plain, bounds=(valid, test), report=DataReport.from_dict(header["report"]))  # type: ignore[arg-type]

        return read_tensors(folder, rebuilt)

    def load(self, *, seed: int) -> Series:
        """Read or generate, standardise and part.

        Args:
            seed: Of the run; generated systems follow from it.

        Raises:
            UserError: the table is no table of finite numbers, or too short.
        """
        values, names, source = self._read(seed)
        bounds = self._bounds(values)
        mean, scale = _statistics(values[: self.normal or bounds[0]])
        scaled = (values - mean) / scale
        scaled = np.clip(scaled, -self.clip, self.clip) if self.clip else scaled
        begins = sorted({0, *(row for row in self.breaks if row < len(values))})
        report = DataReport(source=source, format="table")
        report.split_hash = hashlib.sha256(scaled.astype("<f8").tobytes() + repr((begins, bounds)).encode()).hexdigest()
        tensors = [torch.from_numpy(x.astype(np.float32)) for x in (scaled, mean, scale)]
        series = Series(
            tensors[0], names, begins, bounds, self.context, self.window, self.per_epoch, tensors[1], tensors[2], report
        )
        if not series.stretches("train"):
            raise UserError(
                f"{source}: no stretch of the {counted(bounds[0], 'row')} to train on is longer than data.context="
                f"{self.context}; lower it, or hold out less"
            )
        self._describe(series)
        return series

    def _read(self, seed: int) -> tuple[np.ndarray, list[str], str]:
        if self.given is not None:
            return *read_table(self.given), "the given table"
        if self.name == "given":
            raise UserError("data.name: 'given' is a table in memory, and there is none; take var or lorenz")
        if self.name == "lorenz":
            if self.columns < 4:
                raise UserError(f"data.columns: Lorenz-96 has at least 4 series, got {self.columns}")
            known = generate_lorenz(self.columns, self.rows, self.force, seed=seed)
        else:
            known = generate_var(self.columns, self.rows, seed=seed)
        return known.values, [str(number) for number in range(self.columns)], f"{self.name}, generated"

    def _bounds(self, values: np.ndarray) -> tuple[int, int]:
        """First rows of validation and of test."""
        count = len(values)
        if count < 2 or not values.shape[1]:
            raise UserError(f"the table has shape {list(values.shape)}; forecasting needs two rows and one column")
        test = count - round(count * self.split.test)
        return test - round(count * self.split.valid), test

    def _describe(self, series: Series) -> None:
        report, count = series.report, len(series.values)
        stretches = {"train": series.stretches("train"), "valid": series.stretches("valid")}
        stretches["test"] = series.stretches("test")
        sizes = {part: sum(last - first for first, last in found) for part, found in stretches.items()}
        report.split = {"by": "time", "sizes": sizes}
        report.note(f"{counted(count, 'row')} of {counted(len(series.names), 'column')}; rows are forecast one ahead")
        flat = int((series.values[: series.bounds[0]].amax(0) == series.values[: series.bounds[0]].amin(0)).sum())
        if flat:
            report.note(f"{counted(flat, 'column')} constant in the rows that are trained on")


def _statistics(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column; a constant one has scale 1."""
    flat = np.ptp(values, axis=0) == 0  # rounding can leave a deviation above 0
    mean = np.where(flat, values[0], values.mean(0))
    return mean, np.where(flat, 1.0, values.std(0))
