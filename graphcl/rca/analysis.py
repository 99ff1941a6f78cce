"""From a table of metrics to ranked causes: read, find the anomaly, score, say how sure."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from graphcl.core.errors import UserError, nearest
from graphcl.core.words import counted
from graphcl.data.telemetry import Telemetry, read_telemetry
from graphcl.rca.methods import GRAPHS, TRAINED, method_named
from graphcl.rca.ranking import Case, RankedMetric, RankedService, timed, with_stability
from graphcl.rca.run import require_recipe
from graphcl.rca.start import found_start, given_start
from graphcl.rca.topology import Callers, matched, read_service_map
from graphcl.rca.walk import WalkOptions

#: Method when none is named: what wins on the development cases.
DEFAULT = "deviation"
#: Rows that a table needs, and below which a ranking is called uncertain.
LEAST_ROWS, FEW_ROWS = 12, 50
#: Below this confidence the first service is one of several that it could be.
LOW = 0.4
#: A method that takes longer is not run again for the stability of its ranks.
QUICK_SECONDS = 5.0


@dataclass(frozen=True)
class Analysis:
    """What an analysis found.

    Attributes:
        metrics: Best first; empty where there is no anomaly.
        services: Best first.
        graph: (cause, effect, weight) by the names of columns, where the method draws a graph.
        anomaly_time: Seconds since 1970, or None: no anomaly was found.
        detected: Whether the time was found, not given.
        method: What ranked.
        confidence: Of the first service.
        notes: What was decided and what to be careful about, one sentence each.
        seconds: The whole took.
        telemetry: The table as it was analysed.
    """

    metrics: tuple[RankedMetric, ...]
    services: tuple[RankedService, ...]
    graph: tuple[tuple[str, str, float], ...]
    anomaly_time: float | None
    detected: bool
    method: str
    confidence: float
    notes: tuple[str, ...]
    seconds: float
    telemetry: Telemetry = field(repr=False)


def analyse(
    frame: str | Path | pd.DataFrame,
    *,
    anomaly_time: float | str | None = None,
    normal: str | Path | pd.DataFrame | None = None,
    method: str = DEFAULT,
    names: str = "",
    time_column: str = "",
    front: str | None = None,
    service_map: str | Path | Mapping[str, Sequence[str]] | None = None,
    walk: WalkOptions | None = None,
    recipe: str = "",
    overrides: Sequence[str] = (),
    votes: int = 1,
    first: Callable[[Analysis], None] | None = None,
    seed: int = 0,
) -> Analysis:
    """Rank the metrics and services of a table by how likely an incident began with them.

    Args:
        frame: A pandas frame, or a file (see :func:`graphcl.data.telemetry.read_telemetry`).
        anomaly_time: When the anomaly began, as in the table or as a date; None finds it.
        normal: A table of a time without trouble, put before the other.
        method: Name of a method, see :data:`graphcl.rca.methods.METHODS`.
        names: How columns split into service and metric.
        time_column: Column of the time; "" finds it.
        front: Where the symptom is seen, ``SERVICE.METRIC`` or a column; it is no candidate.
        service_map: Who calls whom, see :func:`graphcl.rca.topology.read_service_map`.
        walk: How a graph becomes a ranking; None is the method's own way.
        recipe: Name or file of the recipe that ``run`` or ``run-reference`` trains; "" is `run_rca`, `run_reference`.
        overrides: ``key=value`` laid over it.
        votes: How many trainings of ``run``, each with a seed of its own, vote on the graph.
        first: Called with what :data:`DEFAULT` says, before a method that trains begins.
        seed: Of whatever is drawn.

    Raises:
        UserError: whatever is wrong with the table or the options, in one line.
    """
    began = time.perf_counter()
    rank = method_named(method)
    if (recipe or overrides) and method not in TRAINED:
        raise UserError(f"method {method!r} trains no recipe; {' and '.join(TRAINED)} do")
    if votes > 1 and method != "run":
        raise UserError(f"method {method!r} has no seeds that vote; run has")
    if walk is not None and method not in GRAPHS:
        raise UserError(f"method {method!r} draws no graph to walk on; {', '.join(GRAPHS)} do")
    if method in TRAINED:
        recipe = recipe or TRAINED[method]
        require_recipe(recipe, overrides)
    telemetry = read_telemetry(frame, normal=normal, names=names, time=time_column)
    symptom = _front(telemetry, front)
    notes = list(telemetry.notes)
    _require_table(telemetry)
    start = found_start(telemetry, notes) if anomaly_time is None else given_start(telemetry, anomaly_time, notes)
    if start is None:
        return Analysis((), (), (), None, True, method, 0.0, tuple(notes), time.perf_counter() - began, telemetry)
    if len(telemetry.time) < FEW_ROWS:
        notes.append(f"only {counted(len(telemetry.time), 'row')}: the ranking is uncertain")
    callers: Callers = {}
    if service_map is not None:
        callers, more = matched(read_service_map(service_map), telemetry.services)
        notes += more
    case = Case(telemetry, symptom, rank, callers, walk, seed, recipe, tuple(overrides), votes)
    told = _Told(start, anomaly_time is None, tuple(notes), began)
    if method not in TRAINED:
        return _ranked(case, method, told)
    before = _ranked(replace(case, rank=method_named(DEFAULT)), DEFAULT, told)
    if first is not None:
        first(before)
    return _beside(_ranked(case, method, told), before)


@dataclass(frozen=True)
class _Told:
    """What is known before metrics are ranked: first row of the anomaly, whether it was found, notes, when it began."""

    start: int
    detected: bool
    notes: tuple[str, ...]
    began: float


def _ranked(case: Case, method: str, told: _Told) -> Analysis:
    start, telemetry = told.start, case.telemetry
    answer, seconds = timed(case, start)
    notes = [*told.notes, *answer.notes]
    metrics, services = case.ranked(answer, start)
    if seconds < QUICK_SECONDS:
        metrics, services = with_stability(case, start, metrics, services)
    elif answer.edges:
        metrics, services = with_stability(case, start, metrics, services, answer.edges)
        notes.append("stability of the ranks: the graph was not drawn again")
    else:
        notes.append("stability of the ranks not computed: the method takes too long")
    notes += _cautions(method, metrics, services)
    columns = telemetry.columns
    graph = tuple((columns[cause].name, columns[effect].name, weight) for cause, effect, weight in answer.edges)
    return Analysis(
        tuple(metrics), tuple(services), graph, float(telemetry.time[start]), told.detected, method,
        services[0].confidence if services else 0.0, tuple(notes), time.perf_counter() - told.began, telemetry,
    )  # fmt: skip


def _beside(found: Analysis, before: Analysis) -> Analysis:
    """What a trained method found, with a note where the change alone puts another service first."""
    if not found.services or found.services[0].service == before.services[0].service:
        return found
    one, other = found.services[0].service, before.services[0].service
    return replace(found, notes=(*found.notes, f"the graph puts {one} first; the change alone ({DEFAULT}) {other}"))


def _require_table(telemetry: Telemetry) -> None:
    rows, metrics = telemetry.values.shape
    if metrics + sum(len(column.same) for column in telemetry.columns) < 2:
        raise UserError(f"the table has one metric, {telemetry.columns[0].name!r}: there is nothing to rank")
    if rows < LEAST_ROWS:
        raise UserError(f"the table has {counted(rows, 'row')}; at least {LEAST_ROWS} are needed to say what is normal")


def _front(telemetry: Telemetry, front: str | None) -> int | None:
    if front is None:
        return None
    known: dict[str, int] = {}
    for index, column in enumerate(telemetry.columns):
        for one in (column, *column.same):
            known |= {one.name: index, f"{one.service}.{one.metric}": index}
    if front not in known:
        match = nearest(front, known)
        raise UserError(f"--front {front!r} is no SERVICE.METRIC" + (f"; nearest: {match!r}" if match else ""))
    return known[front]


def _cautions(method: str, metrics: Sequence[RankedMetric], services: Sequence[RankedService]) -> list[str]:
    """What the reader should know before he acts."""
    if not services:
        return [f"no metric can be ranked by {method}: all are constant or missing, before the anomaly or from it on"]
    notes = []
    if services[0].confidence < LOW:
        others = ", ".join(one.service for one in services[1:3])
        notes.append(f"low confidence: {services[0].service} stands out little from {others or 'the others'}")
    if all(metric.since is None for metric in metrics[:5]):
        notes.append(
            "low confidence: none of the first metrics leaves what it was before; the cause may not be measured"
        )
    if services[0].ranks is not None and services[0].ranks[1] > 1:
        notes.append(f"{services[0].service} falls to rank {services[0].ranks[1]} when the time moves by one period")
    return notes
