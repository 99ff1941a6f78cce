"""A table in memory as plain values with names."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphcl.core.errors import UserError
from graphcl.data.values import LARGEST, beyond_float32


def is_table(data: Any) -> bool:
    """Whether it is an array or tensor of two dimensions, or a frame of pandas."""
    return getattr(data, "ndim", None) == 2 and (hasattr(data, "columns") or hasattr(data, "__array__"))


def read_table(data: Any) -> tuple[np.ndarray, list[str]]:
    """Values [T, C] float64 and the columns' names.

    Args:
        data: An array or tensor [T, C] or a frame, one row a time, rows in order.

    Raises:
        UserError: not two dimensions, not numbers, or a value that is not finite in float32 (names the place).
    """
    if not is_table(data):
        shape = list(getattr(data, "shape", [])) or type(data).__name__
        raise UserError(f"the series must be a table [time, metric] of numbers; got {shape}")
    columns = getattr(data, "columns", None)
    names = [str(name) for name in columns] if columns is not None else []
    try:
        values = np.asarray(data, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UserError(f"the series must be numbers: {error}; leave columns of text and time out") from error
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        name = names[column] if names else str(column)
        raise UserError(f"column {name}, row {row} is {values[row, column]}; fill gaps before, or leave the column out")
    if (place := beyond_float32(values)) is not None:
        name = names[place[1]] if names else str(place[1])
        told = f"is {values[place]:g}, beyond what float32 holds ({LARGEST:.2g}); divide the column, or leave it out"
        raise UserError(f"column {name}, row {place[0]} {told}")
    return values, names or [str(number) for number in range(values.shape[1])]
