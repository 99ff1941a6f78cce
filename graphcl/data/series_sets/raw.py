"""Series before they are chains, and what is done to their values."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.data.values import LARGEST, beyond_float32


@dataclass
class RawSeriesSet:
    """Series of any lengths with the same channels.

    Attributes:
        values: Of each series [n, C] float64, NaN where a value is missing.
        labels: [G] labels, or None.
        sizes: Part -> number of series, which lie in the order train, valid, test; empty without parts.
        class_names: Of the labels 0, 1, ..., where they are known.
        channels: Names of the channels; empty when they are numbered.
        ids: Names of the series, or None when they are numbered.
        groups: What else each belongs to (a person, a device), or None.
        source: Where they are from.
        notes: What was decided and left out.
    """

    values: list[np.ndarray]
    labels: np.ndarray | None = None
    sizes: dict[str, int] = field(default_factory=dict)
    class_names: list[str] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)
    ids: list[str] | None = None
    groups: list[str] | None = None
    source: str = ""
    notes: list[str] = field(default_factory=list)

    def keep(self, kept: np.ndarray) -> None:
        """Leave out the series that are not ``kept`` [G] bool; numbered ones keep their numbers as ids."""
        first = 0
        for part, size in self.sizes.items():
            self.sizes[part] = int(kept[first : first + size].sum())
            first += size
        numbers = np.flatnonzero(kept).tolist()
        self.values = [self.values[n] for n in numbers]
        self.labels = None if self.labels is None else self.labels[kept]
        if self.ids is not None or not kept.all():
            self.ids = [str(n) if self.ids is None else self.ids[n] for n in numbers]
        self.groups = None if self.groups is None else [self.groups[n] for n in numbers]


def check_range(raw: RawSeriesSet) -> None:
    """Refuse values that float32, in which models compute, does not hold.

    Raises:
        UserError: names the first, its series and its channel.
    """
    for number, values in enumerate(raw.values):
        if (place := beyond_float32(values)) is not None:
            name = raw.ids[number] if raw.ids else number
            channel = raw.channels[place[1]] if raw.channels else place[1]
            told = f"the value {values[place]:g} is beyond what float32 holds ({LARGEST:.2g})"
            hint = "divide the channel, or write what is missing as NaN"
            raise UserError(f"{raw.source}: series {name}, channel {channel}: {told}; {hint}")


def clean(raw: RawSeriesSet) -> None:
    """Cut off what is missing at both ends, fill what is missing inside, leave out series without a value.

    A missing value is the linear interpolation between its neighbours in its channel, the nearest value at an end. A
    channel without any value in a series stays NaN, which :class:`Scale` makes the channel's mean.

    Raises:
        UserError: nothing is left, or a value that float32 does not hold.
    """
    check_range(raw)
    missing = [~np.isfinite(values) for values in raw.values]
    kept = np.array([not lost.all() for lost in missing], dtype=bool)
    if not kept.all():
        raw.notes.append(f"skipped {int((~kept).sum()):,} series without a value")
        missing = [lost for lost, keep in zip(missing, kept.tolist(), strict=True) if keep]
        raw.keep(kept)
    if not raw.values:
        raise UserError(f"{raw.source}: there is no series with a value")
    cut, filled, lacking = 0, 0, 0
    for number, (values, lost) in enumerate(zip(raw.values, missing, strict=True)):
        there = np.flatnonzero(~lost.all(axis=1))
        inside = slice(int(there[0]), int(there[-1]) + 1)
        cut += inside.stop - inside.start < len(values)
        raw.values[number], within = values[inside], lost[inside]
        if within.any():
            raw.values[number] = _filled(values[inside], within)
            filled += int(within.sum())
            lacking += int(within.all(axis=0).sum())
    if cut:
        raw.notes.append(f"missing values at the ends of {cut:,} series are cut off: lengths differ")
    if filled:
        raw.notes.append(f"missing values filled from those beside them: {filled:,}")
    if lacking:
        raw.notes.append(f"channels without any value in a series, filled with the channel's mean: {lacking:,}")


def _filled(values: np.ndarray, lost: np.ndarray) -> np.ndarray:
    result = values.copy()
    for channel in range(values.shape[1]):
        gaps = lost[:, channel]
        if gaps.any() and not gaps.all():
            at = np.flatnonzero(~gaps)
            result[gaps, channel] = np.interp(np.flatnonzero(gaps), at, values[at, channel])
        elif gaps.all():
            result[:, channel] = np.nan
    return result


@dataclass(frozen=True)
class Scale:
    """How channels are brought to one scale.

    Attributes:
        how: ``set``: less the mean and in the deviation below; ``series``: those of each by itself; ``level``: first
            less one mean and in one deviation of all channels of a series, then as ``set``; ``none``.
        mean: [C] of the training series together, where a value is known; also what stands for a channel without any.
            With ``level``, of what they are after the first step.
        deviation: [C].
    """

    how: str
    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, how: str, series: list[np.ndarray]) -> Scale:
        """That of these cleaned series [n, C]."""
        stacked = np.concatenate([levelled(values) for values in series] if how == "level" else series)
        known = np.isfinite(stacked)
        count = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, stacked, 0).sum(axis=0) / count
        deviation = np.sqrt(np.where(known, (stacked - mean) ** 2, 0).sum(axis=0) / count)
        return cls(how, mean, deviation)

    @property
    def constant(self) -> np.ndarray:
        """[C] bool: channels whose deviation is nothing but rounding."""
        return self.deviation <= 1e-12 * np.maximum(np.abs(self.mean), 1)

    def apply(self, values: np.ndarray) -> Tensor:
        """[n, C] float32; a channel that is constant becomes 0 where it is scaled."""
        values = levelled(values) if self.how == "level" else values
        values = np.where(np.isfinite(values), values, self.mean)
        if self.how in ("set", "level"):
            values = (values - self.mean) / np.where(self.constant, 1, self.deviation)
        elif self.how == "series":
            own = values.std(axis=0)
            values = (values - values.mean(axis=0)) / np.where(own <= 1e-12 * np.abs(values).max(initial=1), 1, own)
        return torch.from_numpy(values.astype(np.float32))


def levelled(values: np.ndarray) -> np.ndarray:
    """[n, C] less one mean and in one deviation, those of all known values together: one loudness, one range."""
    known = values[np.isfinite(values)]
    if not known.size:
        return values
    deviation = known.std()
    return (values - known.mean()) / (deviation if deviation > 1e-12 * np.abs(known).max() else 1.0)


def resampled(values: np.ndarray, at: np.ndarray, where: np.ndarray) -> np.ndarray:
    """[m, C] values at the times ``where`` [m] by linear interpolation of those at ``at`` [n], ascending."""
    return np.stack([np.interp(where, at, values[:, channel]) for channel in range(values.shape[1])], axis=1)


def order_by_groups(series: RawSeriesSet, train: list[str]) -> None:
    """The series of the training groups first, then the test part.

    Raises:
        UserError: no groups, or a name that is none.
    """
    known = sorted(set(series.groups or []))
    unknown = [name for name in map(str, train) if name not in known]
    if unknown or set(map(str, train)) == set(known):
        told = f"no subject {unknown[0]!r}" if unknown else "no subject is left to test on"
        raise UserError(f"data.train_groups: {told}; subjects of {series.source}: {', '.join(known) or 'none'}")
    groups = series.groups or []
    inside = np.array([group in set(map(str, train)) for group in groups])
    order = np.concatenate([np.flatnonzero(inside), np.flatnonzero(~inside)])
    series.sizes = {"train": int(inside.sum()), "test": int((~inside).sum())}
    series.values = [series.values[number] for number in order]
    series.labels = None if series.labels is None else series.labels[order]
    series.groups = [groups[number] for number in order]
    series.ids = [str(number) for number in order] if series.ids is None else [series.ids[n] for n in order]
