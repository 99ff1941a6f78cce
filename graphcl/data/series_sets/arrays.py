"""Series out of arrays, and made ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from graphcl.core.errors import UserError
from graphcl.core.seeds import derive
from graphcl.data.parts_of_arrays import read_examples
from graphcl.data.series_sets.raw import RawSeriesSet

NAMES = ("x", "series", "values", "data")


def read_series_arrays(path: Path) -> RawSeriesSet:
    """Series of an ``.npz``: ``X`` [n, channels, time] or [n, time], and ``y``; or ``X_train``, ``y_train``, ...

    Series that end early are padded with NaN.

    Raises:
        UserError: nothing to read, other shapes, or parts of other channels.
    """
    examples = read_examples(path, NAMES)
    values: list[np.ndarray] = []
    for array in examples.values:
        if array.ndim not in (2, 3) or array.dtype.kind not in "fiub":
            other = "; joints over time are data.kind=skeleton_set, devices device_set" if array.ndim == 4 else ""
            told = f"series are numbers [n, time] or [n, channels, time]; got {array.dtype} {array.shape}"
            raise UserError(f"{path}: {told}{other}")
        cases = array[:, None] if array.ndim == 2 else array
        values += [np.ascontiguousarray(case.T, dtype=np.float64) for case in cases]
    if len(widths := {case.shape[1] for case in values}) > 1:
        raise UserError(f"{path}: the parts have different numbers of channels: {', '.join(map(str, sorted(widths)))}")
    return RawSeriesSet(
        values, examples.labels, examples.sizes, class_names=examples.class_names, source=str(path)
    )


def make_waves(count: int, seed: int) -> RawSeriesSet:
    """Two-channel series of 40 to 80 samples, in three classes of 2, 3 or 5 waves, with a random phase and noise."""
    rng = np.random.default_rng(derive(seed, "waves") % 2**32)
    labels = np.arange(count) % 3
    values: list[np.ndarray] = []
    for waves in (2, 3, 5) * (count // 3 + 1):
        if len(values) == count:
            break
        length, phase = int(rng.integers(40, 81)), rng.uniform(0, 2 * np.pi, (1, 2))
        at = np.linspace(0, 2 * np.pi * waves, length)[:, None]
        values.append(np.sin(at + phase) + 0.3 * rng.standard_normal((length, 2)))
    return RawSeriesSet(values, labels, class_names=["2 waves", "3 waves", "5 waves"], source="generated waves")
