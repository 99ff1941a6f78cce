"""Records of several devices out of arrays, and virtual accelerometers on skeletons."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from graphcl.core.errors import UserError
from graphcl.data.device_sets.raw import AXES, RawDevices
from graphcl.data.parts_of_arrays import open_arrays, read_examples
from graphcl.data.series_sets.raw import RawSeriesSet
from graphcl.data.skeleton_sets.arrays import GROUPS, RawSkeletons

NAMES = ("x", "series", "values", "data")


def read_device_arrays(path: Path) -> RawDevices:
    """Records of an ``.npz``: ``X`` [n, devices, channels, time] and ``y``; or ``X_train``, ``y_train``, ...

    Records that end early are padded with NaN. Beside them ``devices`` and ``channels``, names, and ``subject`` [n].

    Raises:
        UserError: nothing to read, or other shapes.
    """
    examples = read_examples(path, NAMES)
    extra = {name.lower(): array for name, array in open_arrays(path).items()}
    cases = [case for array in examples.values for case in array]
    shapes = {case.shape[:2] for case in cases}
    if len(shapes) != 1 or any(case.ndim != 3 or case.dtype.kind not in "fiub" for case in cases):
        told = ", ".join(sorted({str(array.shape) for array in examples.values}))
        raise UserError(
            f"{path}: records of devices are numbers [n, devices, channels, time]; got {told}. Skeletons "
            "[n, time, joints, 3] need data.joints"
        )
    count, width = next(iter(shapes))
    devices, channels = (
        _names(extra, what, number, path) for what, number in (("devices", count), ("channels", width))
    )
    groups = next((extra[name] for name in GROUPS if name in extra), None)
    if groups is not None and len(groups) != len(cases):
        raise UserError(f"{path}: {len(cases)} records, but {len(groups)} subjects; give one each")
    values = [case.reshape(count * width, -1).T.astype(np.float64) for case in cases]
    series = RawSeriesSet(
        values, examples.labels, examples.sizes, class_names=examples.class_names, source=str(path),
        groups=None if groups is None else [str(one) for one in groups.tolist()],
    )  # fmt: skip
    return RawDevices(series, devices, channels)


def _names(extra: dict[str, np.ndarray], what: str, count: int, path: Path) -> list[str]:
    given = [str(name) for name in extra[what].ravel()] if what in extra else [str(n + 1) for n in range(count)]
    if len(given) != count or len(set(given)) < count:
        raise UserError(f"{path}: {len(set(given))} names of {what} for {count}; give one each")
    return given


def virtual_accelerometers(raw: RawSkeletons, joints: list[int]) -> RawDevices:
    """Devices worn at joints: the second difference of their places, two frames fewer than there were.

    Sequences of fewer than three frames are left out and counted.

    Args:
        raw: Skeletons in three dimensions.
        joints: From 1.

    Raises:
        UserError: a joint that is not there, or skeletons in the plane.
    """
    series = raw.series
    if not joints or max(joints) > raw.joints or len(set(joints)) < len(joints) or raw.dims != len(AXES):
        raise UserError(
            f"data.joints: {joints}: give different joints from 1 to {raw.joints}, of skeletons in three dimensions "
            f"({series.source} has {raw.dims})"
        )
    kept = np.array([len(rows) > 2 for rows in series.values])
    if not kept.all():
        series.notes.append(f"skipped {int((~kept).sum()):,} sequences of fewer than three frames")
        series.keep(kept)
    at = np.array(joints) - 1
    places = [rows.reshape(len(rows), raw.joints, -1)[:, at] for rows in series.values]
    series.values = [np.diff(place, 2, axis=0).reshape(len(place) - 2, -1) for place in places]
    series.notes.append(f"virtual accelerometers: second differences of the places of {len(joints)} joints")
    return RawDevices(series, [f"joint {joint}" for joint in joints], list(AXES))
