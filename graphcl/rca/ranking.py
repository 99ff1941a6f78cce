"""Both rankings of a case: by metric with its evidence, by service with its confidence; how steady they are."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from graphcl.data.telemetry import Column, Telemetry
from graphcl.rca import change
from graphcl.rca.evidence import Sign, signs
from graphcl.rca.methods import Method
from graphcl.rca.question import Answer, Question
from graphcl.rca.scoring import service_scores
from graphcl.rca.topology import CLEAR, factors
from graphcl.rca.walk import Edge, WalkOptions

#: Rows that must lie before an anomaly.
LEAST_NORMAL = 10
#: Exponent that makes shares of changes into probabilities, fitted on two systems.
SHARPNESS = 1.5


@dataclass(frozen=True)
class RankedMetric:
    """One metric in the ranking.

    Attributes:
        service: Whose.
        metric: Which.
        name: Its column.
        score: Of the method; comparable within one analysis.
        since: Seconds since 1970 of the first row at which it deviates, or None.
        evidence: How it deviates, in words.
        same: Columns that hold the same values.
        ranks: Best and worst rank (from 1) with the anomaly's time moved by one period either way, or None.
    """

    service: str
    metric: str
    name: str
    score: float
    since: float | None
    evidence: str
    same: tuple[str, ...] = ()
    ranks: tuple[int, int] | None = None


@dataclass(frozen=True)
class RankedService:
    """One service in the ranking.

    Attributes:
        service: Its name.
        score: Its best metric's, weighed by the service map where there is one.
        confidence: Probability that it is the cause, by its share of the change in all services.
        ranks: As in :class:`RankedMetric`.
    """

    service: str
    score: float
    confidence: float
    ranks: tuple[int, int] | None = None


@dataclass(frozen=True)
class Case:
    """A table and how it is ranked."""

    telemetry: Telemetry
    front: int | None
    rank: Method
    callers: dict[str, list[str]]
    walk: WalkOptions | None
    seed: int
    recipe: str = ""
    overrides: tuple[str, ...] = ()
    votes: int = 1

    def answer(self, start: int, edges: tuple[Edge, ...] | None = None) -> Answer:
        """Scores of the method, perhaps with a graph that was drawn before; what cannot be a cause has none."""
        values = self.telemetry.values
        question = Question(
            values[:start], values[start:], self.telemetry.columns, self.seed, self.walk, self.recipe, self.overrides,
            edges, self.telemetry.breaks, self.callers, self.votes,
        )  # fmt: skip
        answer = self.rank(question)
        scores = np.where(np.isfinite(answer.scores), answer.scores, np.nan)
        if self.front is not None:
            scores[self.front] = np.nan
        return replace(answer, scores=scores)

    def ranked(self, answer: Answer, start: int) -> tuple[list[RankedMetric], list[RankedService]]:
        """Both rankings, the metrics with their signs."""
        columns, values = self.telemetry.columns, self.telemetry.values
        scores = answer.scores
        changes = change.deviation_with_dead(values[:start], values[start:], [column.service for column in columns])
        if self.front is not None:
            changes[self.front] = np.nan
        changed = service_scores(changes, columns)
        factor = dict.fromkeys(self.telemetry.services, 1.0)
        if self.callers:
            front = columns[self.front].service if self.front is not None else None
            factor |= factors(changed, self.callers, front)
            weight = np.array([factor[column.service] for column in columns])
            scores = np.where(scores > 0, scores * weight, scores)
        order = sorted(np.flatnonzero(np.isfinite(scores)).tolist(), key=lambda i: (-scores[i], columns[i].name))
        seen = signs(values, start)
        metrics = [self._metric(columns[index], float(scores[index]), seen[index]) for index in order]
        best = service_scores(scores, columns)
        certain = service_scores(_certain(changes, values[:start]), columns)
        sure = confidences({name: score * factor[name] for name, score in certain.items()})
        services = [
            RankedService(name, best[name], sure.get(name, 0.0)) for name in sorted(best, key=lambda n: (-best[n], n))
        ]
        return metrics, services

    def _metric(self, column: Column, score: float, sign: Sign) -> RankedMetric:
        since = None if sign.row is None else float(self.telemetry.time[sign.row])
        same = tuple(one.name for one in column.same)
        return RankedMetric(column.service, column.metric, column.name, score, since, sign.words, same)


def _certain(changes: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Changes as far as they can be compared: the unit of a metric that was constant before is a convention, and where
    such a metric was first it was right half as often; beyond :data:`CLEAR` it adds nothing to the confidence.
    """
    flat = change.constant(change.guarded(normal))
    return np.where(flat, np.minimum(changes, CLEAR), changes)


def confidences(changes: Mapping[str, float]) -> dict[str, float]:
    """Service -> probability of being the cause: its share of ``(1 + change) ** SHARPNESS``."""
    weight = {name: (1.0 + max(change, 0.0)) ** SHARPNESS for name, change in changes.items()}
    total = sum(weight.values())
    return {name: value / total for name, value in weight.items()}


def timed(case: Case, start: int) -> tuple[Answer, float]:
    """The answer of a case, and the seconds that it took."""
    began = time.perf_counter()
    answer = case.answer(start)
    return answer, time.perf_counter() - began


def with_stability(
    case: Case,
    start: int,
    metrics: list[RankedMetric],
    services: list[RankedService],
    edges: tuple[Edge, ...] | None = None,
) -> tuple[list[RankedMetric], list[RankedService]]:
    """Both rankings with the best and worst rank that their members have when the anomaly's time moves by one row.

    With ``edges`` the graph stays as it is.
    """
    places: dict[tuple[str, str], list[int]] = {}

    def note(ranked: tuple[Sequence[RankedMetric], Sequence[RankedService]]) -> None:
        for place, metric in enumerate(ranked[0], 1):
            places.setdefault(("metric", metric.name), []).append(place)
        for place, service in enumerate(ranked[1], 1):
            places.setdefault(("service", service.service), []).append(place)

    note((metrics, services))
    for other in (start - 1, start + 1):
        if LEAST_NORMAL <= other < len(case.telemetry.time):
            note(case.ranked(case.answer(other, edges), other))
    span = {key: (min(found), max(found)) for key, found in places.items()}
    return (
        [replace(metric, ranks=span["metric", metric.name]) for metric in metrics],
        [replace(service, ranks=span["service", service.service]) for service in services],
    )
