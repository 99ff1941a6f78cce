"""Skeletons out of arrays, and made ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from graphcl.core.errors import UserError
from graphcl.core.seeds import derive
from graphcl.data.parts_of_arrays import open_arrays, read_examples
from graphcl.data.series_sets.raw import RawSeriesSet

NAMES = ("x", "skeletons", "positions", "data")
#: What the subjects of sequences may be called.
GROUPS = ("subject", "subjects", "group", "groups")
#: The joints of a made figure: hip, chest, head, two hands, two feet.
BONES = ((0, 1), (1, 2), (1, 3), (1, 4), (0, 5), (0, 6))


@dataclass
class RawSkeletons:
    """Sequences of any lengths of the same joints.

    Attributes:
        series: ``values`` [T, J * D] of each, NaN where a joint was not seen.
        joints: J.
        bones: [B, 2] pairs of joints, from 0; empty where nothing says them.
    """

    series: RawSeriesSet
    joints: int
    bones: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), dtype=np.int64))

    @property
    def dims(self) -> int:
        """Coordinates of a joint."""
        return int(self.series.values[0].shape[1] // self.joints)


def read_skeleton_arrays(path: Path) -> RawSkeletons:
    """Skeletons of an ``.npz``.

    Either ``X`` [n, time, joints, 2 or 3] (``X_train``, ``X_test``, ...), sequences that end early padded with NaN; or
    ``frames`` [time of all, joints, 2 or 3] and ``offsets`` [n + 1]. Beside them labels, ``subject`` [n] and ``bones``
    [B, 2], pairs of joints from 0. A sequence of nothing but 0, as a tracker writes that saw nobody, is left out.

    Raises:
        UserError: nothing to read, or other shapes.
    """
    extra = {name.lower(): array for name, array in open_arrays(path).items()}
    if "frames" in extra and "offsets" in extra:
        labels = next((extra[name] for name in ("label", "labels", "y") if name in extra), None)
        values, sizes, names = _cut(extra["frames"], extra["offsets"], path), dict[str, int](), list[str]()
    else:
        examples = read_examples(path, NAMES)
        values = [case for array in examples.values for case in array]
        labels, sizes, names = examples.labels, examples.sizes, examples.class_names
    groups = next((extra[name] for name in GROUPS if name in extra), None)
    for what, given in (("labels", labels), ("subjects", groups)):
        if given is not None and len(given) != len(values):
            raise UserError(f"{path}: {len(values)} sequences, but {len(given)} {what}; give one each")
    shapes = {case.shape[1:] for case in values if case.ndim == 3}
    if len(shapes) != 1 or any(case.ndim != 3 for case in values) or next(iter(shapes))[1] not in (2, 3):
        raise UserError(f"{path}: skeletons are numbers [n, time, joints, 2 or 3]; got shapes of {_told(values)}")
    joints = next(iter(shapes))[0]
    flat = [case.reshape(len(case), -1).astype(np.float64) for case in values]
    series = RawSeriesSet(
        flat, labels, sizes, class_names=names, source=str(path),
        groups=None if groups is None else [str(one) for one in groups.tolist()],
    )  # fmt: skip
    _leave_out_nobody(series)
    return RawSkeletons(series, joints, checked_bones(extra.get("bones", np.zeros((0, 2))), joints, path))


def _leave_out_nobody(series: RawSeriesSet) -> None:
    """Leave out sequences of nothing but 0."""
    kept = np.array([bool(rows.any()) for rows in series.values], dtype=bool)
    if not kept.all():
        series.notes.append(f"skipped sequences of nothing but 0: {int((~kept).sum()):,}")
        series.keep(kept)


def checked_bones(bones: np.ndarray, joints: int, where: object) -> np.ndarray:
    """[B, 2] int64.

    Raises:
        UserError: no pairs of joints that are there.
    """
    pairs = np.asarray(bones)
    if pairs.size and (pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "fiu"):
        told = f"{pairs.dtype} of shape {pairs.shape}"
        raise UserError(f"{where}: bones are pairs of joints, numbers of shape (bones, 2); got {told}")
    outside = ((pairs < 0) | (pairs >= joints) | (pairs != np.floor(pairs))).reshape(-1, 2).any(axis=1)
    if outside.any():
        first = pairs[int(np.flatnonzero(outside)[0])].tolist()
        raise UserError(f"{where}: bones are pairs of joints from 0 to {joints - 1}; got {first}")
    return pairs.reshape(-1, 2).astype(np.int64)


def _cut(frames: np.ndarray, offsets: np.ndarray, path: Path) -> list[np.ndarray]:
    ends = offsets.astype(np.int64)
    if ends.ndim != 1 or len(ends) < 2 or ends[0] != 0 or ends[-1] != len(frames) or (np.diff(ends) < 1).any():
        raise UserError(f"{path}: offsets must rise from 0 to the {len(frames)} frames, a sequence having one or more")
    return [frames[begin:end] for begin, end in pairwise(ends)]


def _told(values: list[np.ndarray]) -> str:
    return ", ".join(sorted({str(case.shape) for case in values})[:3])


def make_figures(count: int, seed: int) -> RawSkeletons:
    """Figures of 7 joints and three sizes that wave, kick or bow, in 20 to 40 frames, seen from anywhere around."""
    rng = np.random.default_rng(derive(seed, "figures") % 2**32)
    places = [(0, 0), (0, 1), (0, 1.5), (-0.7, 0.3), (0.7, 0.3), (-0.3, -1), (0.3, -1)]
    rest = np.array([[across, up, 0.0] for across, up in places])
    labels, values = np.arange(count) % 3, list[np.ndarray]()
    for number in range(count):
        frames = int(rng.integers(20, 41))
        course = np.sin(np.linspace(0, 2 * np.pi, frames)) * rng.uniform(0.7, 1.2)
        moved = np.repeat(rest[None], frames, axis=0)
        joints, direction = [([3], [0, 1, 0]), ([5], [0, 0.3, 1]), ([1, 2], [0, -0.3, 1])][labels[number]]
        moved[:, joints] += course[:, None, None] * np.array(direction)
        turn = rng.uniform(0, 2 * np.pi)
        around = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
        moved = (0.8 + 0.2 * (number // 3 % 3)) * moved @ around + 0.05 * rng.standard_normal(moved.shape)
        values.append(moved.reshape(frames, -1))
    groups = [f"figure {number // 3 % 3}" for number in range(count)]
    names = ["wave", "kick", "bow"]
    series = RawSeriesSet(values, labels, class_names=names, groups=groups, source="generated figures")
    return RawSkeletons(series, len(rest), np.array(BONES))
