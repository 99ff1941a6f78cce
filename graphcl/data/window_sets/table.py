"""One long series: reading it, what is missing in it, and its parts in time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from graphcl.core.errors import UserError, suggestion
from graphcl.core.seeds import derive
from graphcl.core.words import listed
from graphcl.data.parts_of_arrays import open_arrays
from graphcl.data.series_sets.folder import read_series_folder
from graphcl.data.series_sets.raw import RawSeriesSet, check_range


def read_long(path: Path) -> RawSeriesSet:
    """One series out of a CSV file with a row a time (also compressed, ``.csv.gz``), or of an array [time, channels].

    Raises:
        UserError: there is no such file, or it holds no series, or several.
    """
    if not path.exists():
        raise UserError(f"data.path: {path} does not exist; give a CSV file with a row a time and a column a channel")
    raw = _of_array(path) if path.suffix in (".npz", ".npy") else read_series_folder(path)
    if len(raw.values) != 1:
        raise UserError(
            f"{path}: {len(raw.values)} series, and windows are cut out of one; name a file, or take "
            "data.kind=series_set, where each series is a graph"
        )
    return raw


def _of_array(path: Path) -> RawSeriesSet:
    arrays = list(open_arrays(path).values())
    if len(arrays) != 1 or arrays[0].ndim not in (1, 2) or arrays[0].dtype.kind not in "fiub":
        told = ", ".join(f"{array.dtype} {array.shape}" for array in arrays)
        raise UserError(f"{path}: one array of numbers [time, channels] is expected; got {told or 'none'}")
    values = arrays[0].astype(np.float64)
    return RawSeriesSet([values[:, None] if values.ndim == 1 else values], source=str(path))


def make_hours(rows: int, seed: int) -> RawSeriesSet:
    """Two channels of hours: a day's and a week's wave, whose height drifts, and noise that lasts."""
    rng = np.random.default_rng(derive(seed, "hours") % 2**32)
    hour = np.arange(rows)[:, None]
    phase = np.array([0.0, 2.0])
    noise = np.zeros((rows, 2))
    for row in range(1, rows):
        noise[row] = 0.9 * noise[row - 1] + 0.15 * rng.standard_normal(2)
    day = np.sin(2 * np.pi * hour / 24 + phase) * (1 + 0.3 * np.sin(2 * np.pi * hour / 700))
    values = day + 0.5 * np.sin(2 * np.pi * hour / 168 + phase) + noise
    return RawSeriesSet([values], channels=["load", "wind"], source="generated hours")


def require_distinct(wanted: Sequence[str]) -> None:
    """Refuse channels that are named more than once.

    Raises:
        UserError: one is; names it.
    """
    twice = next((name for number, name in enumerate(wanted) if name in wanted[:number]), None)
    if twice is not None:
        raise UserError(f"data.columns: {twice!r} is there more than once; name each column once")


def take_columns(raw: RawSeriesSet, wanted: Sequence[str]) -> None:
    """Only these channels, in this order; all of them without any.

    Raises:
        UserError: there is no such channel.
    """
    names = raw.channels or [str(number) for number in range(raw.values[0].shape[1])]
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise UserError(f"data.columns: {raw.source} has no column {unknown[0]!r}{suggestion(unknown[0], names)}")
    kept = list(wanted) or names
    raw.values[0] = raw.values[0][:, [names.index(name) for name in kept]]
    raw.channels = kept


def fill_forward(raw: RawSeriesSet) -> None:
    """A missing value becomes the last one known: no value is made of later ones. What has none before it stays NaN.

    Raises:
        UserError: a value that float32 does not hold.
    """
    check_range(raw)
    values = raw.values[0]
    lost = ~np.isfinite(values)
    if not lost.any():
        return
    row = np.maximum.accumulate(np.where(lost, 0, np.arange(len(values))[:, None]), axis=0)
    raw.values[0] = np.where(np.isfinite(found := np.take_along_axis(values, row, axis=0)), found, np.nan)
    raw.notes.append(f"missing values, the last one known stands for them: {int(lost.sum()):,}")


def leave_out_constant(raw: RawSeriesSet, rows: int) -> None:
    """Leave out channels that do not change in the first ``rows``, which give no scale.

    Raises:
        UserError: none is left.
    """
    first = raw.values[0][:rows]
    known = np.isfinite(first)
    low, high = (np.where(known, first, fill).astype(float) for fill in (np.inf, -np.inf))
    moves = high.max(axis=0) > low.min(axis=0)
    still = [name for name, moving in zip(raw.channels, moves.tolist(), strict=True) if not moving]
    if still and len(still) < len(raw.channels):
        raw.notes.append(f"columns that do not change in the training part, left out: {listed(still)}")
        raw.values[0] = raw.values[0][:, moves]
        raw.channels = [name for name in raw.channels if name not in still]
    elif still:
        raise UserError(f"{raw.source}: no column changes in the {rows:,} rows of the training part")


def require_known(raw: RawSeriesSet, known: dict[str, np.ndarray], bounds: tuple[int, int, int]) -> None:
    """Refuse channels whose test part is made up; note how many of its values are.

    Args:
        raw: Filled.
        known: Channel -> [T] bool, which of its values were there.
        bounds: See :func:`bounds_of`.

    Raises:
        UserError: a channel has no value in the test part.
    """
    tests = {name: known[name][bounds[1] : bounds[2]] for name in raw.channels}
    empty = [name for name, there in tests.items() if not there.any()]
    if empty:
        raise UserError(
            f"{raw.source}: {listed(empty)} without any value in the test part (rows {bounds[1]:,} to "
            f"{bounds[2] - 1:,}), where forecasts are judged; leave it out by data.columns, or set data.parts"
        )
    if filled := sum(int((~there).sum()) for there in tests.values()):
        raw.notes.append(f"values of the test part that were missing, judged as they were filled: {filled:,}")


def bounds_of(parts: Sequence[float], rows: int, source: str) -> tuple[int, int, int]:
    """The row after the last one of the training, validation and test part.

    >>> bounds_of((0.6, 0.2, 0.2), 10, ""), bounds_of((5, 2, 2), 10, "")
    ((6, 8, 10), (5, 7, 9))

    Args:
        parts: Three shares of all rows, or three numbers of rows; what is left at the end is not used.
        rows: Of the table.
        source: For errors.

    Raises:
        UserError: not three, or more than there are.
    """
    if len(parts) != 3:
        raise UserError(f"data.parts: three are needed, for training, validation and test; got {list(parts)}")
    shares = max(parts) < 1
    ends = np.cumsum(parts) * (rows if shares else 1)
    bounds = [round(float(end)) for end in ends]
    if bounds[2] > rows or len({0, *bounds}) < 4:
        told = "shares of" if shares else "rows of"
        raise UserError(f"data.parts: {list(parts)} are no three parts, as {told} {source}, which has {rows:,} rows")
    return bounds[0], bounds[1], bounds[2]
