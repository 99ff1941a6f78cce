"""How much each metric changes between a normal and an anomalous part: plain functions ``[N, C] x [A, C] -> [C]``.

A higher score is a clearer change; NaN is a metric that a score does not judge. NaN in the data is a missing value.
The published scores are as published; :func:`deviation` is the one of this package.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

#: The last part of the normal rows that is not used: an incident is often noticed late.
GUARD = 0.05
#: One unit of a change is this part of the largest deviation of the normal part, so that 3 is what was seen before.
SEEN = 3.0
#: A metric that was constant before has this part of its level as the unit, and no score above its inverse.
LEVEL = 1e-3
#: Score of a metric that was 0 throughout and is no longer: the level says nothing of how much that is.
FROM_ZERO = 10.0
#: Weight of a fall beside a rise: fewer calls and less work are mostly what others suffer from a fault.
FALL = 0.5
#: Score of a metric that stops reporting altogether.
GONE = 100.0
#: By how much more a metric counts where all metrics of its service stop reporting: the service itself is gone.
DEAD = 10.0


@dataclass(frozen=True)
class Scaling:
    """How :func:`deviation` measures; the defaults are its choice, others are there to be compared with.

    Attributes:
        unit: Of a metric: a third of the ``largest`` deviation of the normal part, or of its 99% ``quantile``; its
            ``sd``; its ``iqr`` (about the median; of metrics without one the largest deviation).
        level: Unit of a metric that was constant before, as a part of its level; 0 does not judge such a metric.
        fall: Weight of a fall beside a rise.
        guard: The last part of the normal rows that is not used.
    """

    unit: Literal["largest", "quantile", "sd", "iqr"] = "largest"
    level: float = LEVEL
    fall: float = FALL
    guard: float = GUARD


def standardised(normal: np.ndarray, anomalous: np.ndarray, scaling: Scaling = Scaling()) -> np.ndarray:
    """[A, C] deviations from the normal mean, in thirds of the largest deviation that the normal part itself has.

    - Of the normal rows the last :data:`GUARD` are not used.
    - A metric constant before keeps its place: its unit is :data:`LEVEL` of its level, a first departure from 0 counts
      :data:`FROM_ZERO`.
    - A metric that is flat in the anomalous part and was flat as long before is one that rarely moves (NaN: not
      judged), unless it is flat at 0. A single value is not flat.

    The order of metrics does not change when one is multiplied by a positive number.

    Args:
        normal: [N, C] rows without trouble, in the order of time.
        anomalous: [A, C] rows with it.
        scaling: Other units than these.
    """
    normal = guarded(normal, scaling.guard)
    before = constant(normal)
    after = constant(anomalous) & (np.isfinite(anomalous).sum(axis=0) > 1)
    with _quiet():
        center = np.nanmedian(normal, axis=0) if scaling.unit == "iqr" else np.nanmean(normal, axis=0)
        center = np.where(before, np.nanmax(normal, axis=0), center)
        unit = np.where(before, scaling.level * np.abs(center), _unit(normal, center, scaling.unit))
        z = (anomalous - center) / np.where(unit > 0, unit, np.nan)
        if scaling.level:
            z = np.where(before & (center == 0), FROM_ZERO * np.sign(anomalous), z)
            z = np.where(before, np.clip(z, -1 / scaling.level, 1 / scaling.level), z)
        still = after & (np.nanmax(anomalous, axis=0) != 0)
        moved = np.nanmax(np.abs(z), axis=0) > 0
    for column in np.flatnonzero(still & ~before):
        if longest_run(normal[:, column]) >= len(anomalous):
            z[:, column] = np.nan
    z[:, before & ~moved] = np.nan
    return z


def _unit(normal: np.ndarray, center: np.ndarray, kind: str) -> np.ndarray:
    far = np.abs(normal - center)
    largest = np.nanmax(far, axis=0) / SEEN
    if kind == "largest":
        return largest
    if kind == "sd":
        return np.nanstd(normal, axis=0)
    if kind == "quantile":
        found = np.nanquantile(far, 0.99, axis=0) / SEEN
    else:
        found = np.subtract(*np.nanquantile(normal, [0.75, 0.25], axis=0))
    return np.where(found > 0, found, largest)


def guarded(normal: np.ndarray, share: float = GUARD) -> np.ndarray:
    """The normal rows without the last ``share`` of them."""
    return normal[: len(normal) - int(np.ceil(share * len(normal)))]


def deviation(normal: np.ndarray, anomalous: np.ndarray, scaling: Scaling = Scaling()) -> np.ndarray:
    """The change score of this package: the largest rise of :func:`standardised`, or :data:`FALL` of the largest fall.

    A metric that reported before and no longer does scores :data:`GONE` times the share of rows that it misses more.

    Args:
        normal: [N, C] rows without trouble, in the order of time.
        anomalous: [A, C] rows with it.
        scaling: Other units and weights than these.
    """
    z = standardised(normal, anomalous, scaling)
    with _quiet():
        score = np.maximum(np.nanmax(z, axis=0), scaling.fall * np.nanmax(-z, axis=0))
    lost = np.isnan(anomalous).mean(axis=0) - np.isnan(normal).mean(axis=0)
    silent = lost > 0.5
    return np.where(silent, np.fmax(score, GONE * lost), score)


def with_dead(scores: np.ndarray, normal: np.ndarray, anomalous: np.ndarray, services: Sequence[str]) -> np.ndarray:
    """Scores that count :data:`DEAD` times where a whole service stops reporting and most others do not.

    Its callers may change by more: they wait for what never comes.

    Args:
        scores: [C] of :func:`deviation`.
        normal: [N, C] rows without trouble.
        anomalous: [A, C] rows with it.
        services: [C] whose metrics these are.
    """
    silent = np.isnan(anomalous).mean(axis=0) - np.isnan(normal).mean(axis=0) > 0.5
    owner = np.array(services)
    dead = [name for name in dict.fromkeys(services) if (owner == name).sum() > 1 and silent[owner == name].all()]
    if not dead or 2 * len(dead) > len(set(services)):
        return scores
    return np.where(np.isin(owner, dead), DEAD * scores, scores)


def deviation_with_dead(normal: np.ndarray, anomalous: np.ndarray, services: Sequence[str]) -> np.ndarray:
    """:func:`deviation` :func:`with_dead`."""
    return with_dead(deviation(normal, anomalous), normal, anomalous, services)


def longest_run(column: np.ndarray) -> int:
    """How many equal values follow each other at most."""
    ends = np.flatnonzero(np.concatenate([[True], column[1:] != column[:-1], [True]]))
    return int(np.diff(ends).max())


def n_sigma(normal: np.ndarray, anomalous: np.ndarray, *, absolute: bool = False) -> np.ndarray:
    """``max_t (x_t - mean) / sd``, mean and deviation of the normal part; metrics constant in either part are left out.

    The baseline of Pham, Ha and Zhang (FSE 2024) and of RCAEval. Signed, it sees rises only.

    Args:
        normal: [N, C] rows without trouble.
        anomalous: [A, C] rows with it.
        absolute: Take ``|x_t - mean|``.
    """
    with _quiet():
        z = (anomalous - np.nanmean(normal, axis=0)) / np.nanstd(normal, axis=0)
        score = np.nanmax(np.abs(z) if absolute else z, axis=0)
    return np.where(constant(normal) | constant(anomalous), np.nan, score)


def robust_scorer(normal: np.ndarray, anomalous: np.ndarray, *, absolute: bool = False) -> np.ndarray:
    """``max_t (x_t - median) / IQR``: BARO's RobustScorer (Pham, Ha and Zhang, FSE 2024, Eq. 3 and 4).

    As published, an IQR of 0 counts as 1, and metrics constant in either part are left out.

    Args:
        normal: [N, C] rows without trouble.
        anomalous: [A, C] rows with it.
        absolute: Take ``|x_t - median|``.
    """
    with _quiet():
        low, middle, high = np.nanquantile(normal, [0.25, 0.5, 0.75], axis=0)
        width = np.where(high > low, high - low, 1.0)
        z = (anomalous - middle) / width
        score = np.nanmax(np.abs(z) if absolute else z, axis=0)
    return np.where(constant(normal) | constant(anomalous), np.nan, score)


def energy_distance(normal: np.ndarray, anomalous: np.ndarray) -> np.ndarray:
    """``2 E|X - Y| - E|X - X'| - E|Y - Y'|`` of the values divided by the normal part's deviation.

    Szekely and Rizzo (2004); the two-sample statistic of Shan et al. (WWW 2019). Metrics constant in either part are
    left out.

    Args:
        normal: [N, C] rows without trouble.
        anomalous: [A, C] rows with it.
    """
    with _quiet():
        scale = np.nanstd(normal, axis=0)
        score = np.array([_energy(normal[:, c] / scale[c], anomalous[:, c] / scale[c]) for c in range(normal.shape[1])])
    return np.where(constant(normal) | constant(anomalous), np.nan, score)


def _energy(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x[np.isfinite(x)], y[np.isfinite(y)]
    if not (len(x) and len(y)):
        return np.nan
    between = np.abs(x[:, None] - y[None, :]).mean()
    return float(2 * between - _mean_distance(x) - _mean_distance(y))


def _mean_distance(x: np.ndarray) -> float:
    """Mean of ``|a - b|`` over all ordered pairs of a sample, itself included, in n log n."""
    weights = 2 * np.arange(len(x)) - len(x) + 1
    return float(2 * (weights * np.sort(x)).sum() / len(x) ** 2)


def constant(values: np.ndarray) -> np.ndarray:
    """[C] whether a metric has one distinct value, or none; never by its deviation, which rounding keeps above 0."""
    with _quiet():
        return ~(np.nanmax(values, axis=0) > np.nanmin(values, axis=0))


class _quiet(warnings.catch_warnings):
    """Columns without a value give NaN, which is meant."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.simplefilter("ignore", RuntimeWarning)
