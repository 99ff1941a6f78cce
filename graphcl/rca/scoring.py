"""How good rankings of causes are: AC@k and Avg@k with expected ranks over ties, chance, bootstrap over groups.

``AC@k = |top k and true causes| / min(k, |true causes|)``, averaged over cases; ``Avg@k`` is the mean of AC@1 to AC@k
(Pham, Ha and Zhang, FSE 2024, Eq. 6). Names of equal score come in every order equally often, and what is expected
over these orders counts. A name without a score is not in the list.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from graphcl.data.telemetry import Column


def service_scores(scores: np.ndarray, columns: Sequence[Column]) -> dict[str, float]:
    """Score of each service: its best metric's, so that services rank as they first appear in the list of metrics.

    A column that stands for equal ones counts for the services of all of them. Services without a scored metric are
    left out.
    """
    best: dict[str, float] = {}
    for score, column in zip(scores.tolist(), columns, strict=True):
        if math.isnan(score):
            continue
        for one in (column, *column.same):
            best[one.service] = max(score, best.get(one.service, -math.inf))
    return best


def accuracy_at(scores: Mapping[str, float], causes: Collection[str], k: int) -> float:
    """Expected AC@k of one case over the orders of ties.

    >>> accuracy_at({"a": 2.0, "b": 1.0, "c": 1.0}, {"c"}, 2)
    0.5
    """
    return sum(_within(scores, cause, k) for cause in causes) / min(k, len(causes))


def any_at(scores: Mapping[str, float], accepted: Collection[str], k: int) -> float:
    """Like :func:`accuracy_at` for one cause that several names may stand for: the best placed of them counts."""
    known = [name for name in accepted if name in scores]
    if not known:
        return 0.0
    top = max(scores[name] for name in known)
    above = sum(score > top for score in scores.values())
    tied = sum(score == top for score in scores.values())
    good = sum(scores[name] == top for name in known)
    places = min(max(k - above, 0), tied)  # of the tied names that come within k
    missed = math.comb(tied - good, places) / math.comb(tied, places)
    return 1.0 - missed


def _within(scores: Mapping[str, float], name: str, k: int) -> float:
    """Probability that a name is among the first k."""
    if name not in scores:
        return 0.0
    own = scores[name]
    above = sum(score > own for score in scores.values())
    tied = sum(score == own for score in scores.values())
    return min(max(k - above, 0), tied) / tied


def averages(hits: Sequence[float]) -> dict[str, float]:
    """``ac@1``, ``ac@3``, ``ac@5`` and ``avg@5`` of AC@1 to AC@5."""
    return {"ac@1": hits[0], "ac@3": hits[2], "ac@5": hits[4], "avg@5": sum(hits[:5]) / 5}


def chance(candidates: int, k: int) -> float:
    """AC@k of a random order of the candidates, one of which is the cause."""
    return min(k, candidates) / candidates


def bootstrap(
    values: Sequence[float], groups: Sequence[Hashable], *, draws: int = 2000, level: float = 0.95, seed: int = 0
) -> tuple[float, float, float]:
    """Mean of values over cases, and a percentile interval that draws whole groups.

    Repeated injections of a fault into a service are no independent cases, so the groups are drawn, not the cases.
    Give differences of two methods, case by case, for a paired test.

    Args:
        values: One value for each case.
        groups: (service, fault) of each case.
        draws: Bootstrap samples.
        level: Of the interval.
        seed: Of the draws.

    Returns:
        Mean, lower and upper end.
    """
    index: dict[Any, int] = {}
    group = np.array([index.setdefault(one, len(index)) for one in groups])
    total, count = np.bincount(group, values), np.bincount(group)
    drawn = np.random.default_rng(seed).integers(0, len(index), (draws, len(index)))
    means = total[drawn].sum(axis=1) / count[drawn].sum(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(np.mean(values)), float(low), float(high)
