"""Root causes of real faults: ``python -m benchmarks.rca``.

Two systems, every method with the anomaly's time known, detected and 60 s late. Services are ranked by their first
metric; AC@k with the expected rank over ties; intervals by a bootstrap over groups of one service and fault.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.cells import Cell, Suite, command, data_root

#: System -> its title, services that are no candidate, and the file of its topology for a case's name.
SYSTEMS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "online-boutique": ("online-boutique (Nezha), 48 cases, 10 services", ("entrypoint",)),
    "petshop": ("petshop, 44 cases, up to 41 nodes", ()),
}
TIMES = {"known": "known", "detected": "detected", "late": "60 s late"}
METHODS = ("deviation", "deviation+map", "zscore", "zscore-absolute", "baro", "energy", "random")
#: Method, direction, personalisation, acyclic.
WALKS = tuple(
    (f"{graph}-pagerank", direction, start, acyclic)
    for graph in ("granger", "pc")
    for direction, start, acyclic in (
        ("to_effects", "none", False), ("to_causes", "none", False), ("to_effects", "change", False),
        ("to_causes", "change", False), ("to_causes", "change", True),
    )
)  # fmt: skip
#: A short walk on pairwise Granger tests from where metrics change, the service map known: what edges must agree with.
PRIORS = ("none", "onset", "map", "both")
SHORT_WALK = {"personalisation": "deviation", "acyclic": True, "weighted": True, "damping": 0.3}
#: Methods that train.
TRAINED = ("run", "run-reference")
#: With the time known only: those that train take long, and the random one does not look at it.
KNOWN_ONLY = (*TRAINED, "run+map", "random")
#: Metrics and rows of made-up tables on which time is taken.
SIZES = ((48, 4000), (504, 4000), (48, 1000))
#: Random orders that a case is averaged over.
RANDOM_DRAWS = 20
OURS, RIVAL = "deviation", "zscore"


def _cells() -> tuple[Cell, ...]:
    found = []
    for system in SYSTEMS:
        for when in TIMES:
            for method in METHODS if when == "known" else [name for name in METHODS if name not in KNOWN_ONLY]:
                arguments = {"system": system, "when": when, "method": method}
                found.append(Cell(f"{system}-{when}-{method}", "benchmarks.rca:run", arguments))
        for method in (*TRAINED, "run+map"):
            arguments = {"system": system, "when": "known", "method": method}
            found.append(Cell(f"{system}-known-{method}", "benchmarks.rca:run", arguments))
        for method, direction, start, acyclic in WALKS:
            walk = {"direction": direction, "personalisation": start, "acyclic": acyclic}
            arguments = {"system": system, "when": "known", "method": method, "walk": walk}
            found.append(Cell(f"{system}-known-{walk_name(method, **walk)}", "benchmarks.rca:run", arguments))
        for prior in PRIORS:
            walk = {**SHORT_WALK, "prior": prior}
            arguments = {"system": system, "when": "known", "method": "granger-pagerank+map", "walk": walk}
            found.append(Cell(f"{system}-known-{prior_name(prior)}", "benchmarks.rca:run", arguments))
    found.append(Cell("petshop-alarms", "benchmarks.rca:alarms", {"system": "petshop"}))
    found.append(Cell("choice", "benchmarks.rca_choice:choose"))
    for metrics, rows in SIZES:
        for method in (OURS, *TRAINED):
            arguments = {"metrics": metrics, "rows": rows, "method": method}
            found.append(Cell(f"time-{metrics}x{rows}-{method}", "benchmarks.rca:take_time", arguments))
    return tuple(found)


def walk_name(method: str, direction: str, personalisation: str, acyclic: bool) -> str:
    return f"{method}-{direction}-{personalisation}" + ("-acyclic" if acyclic else "")


def prior_name(prior: str) -> str:
    return f"granger-pagerank+map-prior-{prior}"


SUITE = Suite("rca", _cells())


def run(system: str, when: str, method: str, walk: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """One method on all cases of a system: AC@1 to AC@5 of each case, by service and, where annotated, by metric."""
    records = [_case(path, system, when, method, walk or {}) for path in _cases_of(system)]
    return {
        "services": [record["services"] for record in records],
        "metrics": [record["metrics"] for record in records],
        "groups": [record["group"] for record in records],
        "chance": [record["chance"] for record in records],
        "confidence": [record["confidence"] for record in records],
        "undetected": sum(record["undetected"] for record in records),
        "seconds": sorted(record["seconds"] for record in records)[len(records) // 2],
    }


def alarms(system: str) -> dict[str, Any]:
    """Of each case the recording that it is of (low, high) and the metric that alarmed."""
    metrics = [json.loads((path / "truth.json").read_text())["metric"] for path in _cases_of(system)]
    return {"recordings": [path.name.partition("_")[0] for path in _cases_of(system)], "metrics": metrics}


def _cases_of(system: str) -> list[Path]:
    folder = Path(data_root() or "") / "rca" / system
    return sorted(path for path in folder.iterdir() if (path / "truth.json").is_file())


def take_time(metrics: int, rows: int, method: str) -> dict[str, Any]:
    """Seconds of one analysis of a made-up table, from the frame to the ranking, the time to be found; and whether the
    cause came first.
    """
    from graphcl.rca import analyse
    from graphcl.rca.simulate import simulate

    table = simulate("delay", services=metrics // 6, rows=rows, begins=rows - 200, seed=0)
    early: list[float] = []
    found = analyse(table.frame, method=method, first=lambda first: early.append(first.seconds))
    return {
        "seconds": round(found.seconds, 2),
        "first_answer": round(early[0], 2) if early else None,
        "right": bool(found.services) and found.services[0].service == table.service,
        "metrics": len(found.telemetry.columns),
        "graph": len({name for edge in found.graph for name in edge[:2]}),
        "notes": [note for note in found.notes if note.startswith("the graph is drawn")],
    }


def _case(path: Path, system: str, when: str, method: str, walk: Mapping[str, Any]) -> dict[str, Any]:
    import numpy as np

    from graphcl.data.telemetry import read_telemetry
    from graphcl.rca.detect import find_anomaly
    from graphcl.rca.methods import METHODS as KNOWN
    from graphcl.rca.ranking import Case
    from graphcl.rca.scoring import chance
    from graphcl.rca.walk import WalkOptions

    truth = json.loads((path / "truth.json").read_text())
    telemetry = read_telemetry(path / "metrics.csv.gz")
    began = time.perf_counter()
    start = int(np.searchsorted(telemetry.time, truth["anomaly_time"] + (60 if when == "late" else 0)))
    detected = find_anomaly(telemetry.values) if when == "detected" else None
    if detected is not None:
        start = detected.row
    lost = when == "detected" and detected is None
    callers = _callers(system, path.name, telemetry.services) if method.endswith("+map") else {}
    options = WalkOptions(**walk) if walk else None

    def ranking(seed: int) -> tuple[Any, Any]:
        case = Case(telemetry, None, KNOWN[method.removesuffix("+map")], callers, options, seed)
        return case.ranked(case.answer(start), start)

    draws = RANDOM_DRAWS if method == "random" else 1  # one order for all cases would be one draw
    rankings = [([], [])] if lost else [ranking(seed) for seed in range(draws)]
    seconds = (time.perf_counter() - began) / draws
    outside = SYSTEMS[system][1]
    by_service = [
        {one.service: one.score for one in services if one.service not in outside} for _, services in rankings
    ]
    by_metric = [
        {name: one.score for one in metrics for name in (one.name, *one.same) if name.partition("_")[0] not in outside}
        for metrics, _ in rankings
    ]
    accepted = accepted_metrics(
        truth, [name for c in telemetry.columns for name in (c.name, *(s.name for s in c.same))]
    )
    first = max(by_service[0], key=lambda name: by_service[0][name], default="")
    sure = {one.service: one.confidence for one in rankings[0][1]}
    candidates = len(set(telemetry.services) - set(outside))
    return {
        "services": _hits(by_service, [truth["service"]]),
        "metrics": _hits(by_metric, accepted) if accepted else None,
        "group": f"{truth['service']} {truth['fault']}",
        "chance": [chance(candidates, k) for k in range(1, 6)],
        "confidence": [sure.get(first, 0.0), float(first == truth["service"])],
        "undetected": int(lost),
        "seconds": seconds,
    }


def _hits(rankings: Sequence[Mapping[str, float]], accepted: Sequence[str]) -> list[float]:
    """AC@1 to AC@5, the mean over rankings."""
    from graphcl.rca.scoring import any_at

    return [sum(any_at(scores, accepted, k) for scores in rankings) / len(rankings) for k in range(1, 6)]


def accepted_metrics(truth: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Columns that count as the annotated metric: cpu or cpu-rate; any latency. None where none is annotated."""
    if truth["metric"] is None or "metric_note" in truth:
        return []
    own = [name for name in names if name.partition("_")[0] == truth["service"]]
    metrics = {name: name.partition("_")[2] for name in own}
    if truth["metric"] == "cpu":
        return [name for name in own if metrics[name] in ("cpu", "cpu-rate")]
    return [name for name in own if truth["metric"] in metrics[name]]


def _callers(system: str, case: str, services: Sequence[str]) -> dict[str, list[str]]:
    from graphcl.rca.topology import matched, read_service_map

    folder = Path(data_root() or "") / "rca" / system
    name = "callgraph.csv" if system == "online-boutique" else f"callgraph_{case.partition('_')[0]}_traffic.csv"
    return matched(read_service_map(folder / name), services)[0]


def section() -> str:
    """The tables of docs/benchmarks.md."""
    from benchmarks import rca_tables

    return rca_tables.section()


if __name__ == "__main__":
    command(SUITE)
