"""Metrics of services on one regular grid of time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Column:
    """One metric of one service.

    Attributes:
        service: Whose metric it is.
        metric: What is measured.
        name: The column's name in the table.
        same: Columns that hold the same values; this one stands for all of them.
    """

    service: str
    metric: str
    name: str
    same: tuple[Column, ...] = ()


@dataclass(frozen=True)
class Telemetry:
    """A table of metrics.

    Attributes:
        time: [T] seconds since 1970, one period apart.
        values: [T, C] float64; NaN where nothing was measured.
        columns: [C] what the columns are.
        period: Seconds between two rows.
        unit: Of the times in the table: ``seconds``, ``milliseconds``, ... or ``dates``.
        breaks: Rows before which time jumps: where a normal part ends that was given on its own.
        notes: What was decided while reading, one sentence each.
    """

    time: np.ndarray
    values: np.ndarray
    columns: tuple[Column, ...]
    period: float
    unit: str = "seconds"
    breaks: tuple[int, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def services(self) -> list[str]:
        """Names of the services, in the order of the columns, those of merged columns included."""
        return list(dict.fromkeys(one.service for column in self.columns for one in (column, *column.same)))
