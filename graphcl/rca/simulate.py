"""Made-up telemetry of a small shop, one row a second, with a fault whose place is known: for trying and for tests.

Requests run down a service graph with a lag; time spent, and errors, run back up it. Each service reports requests,
latency, errors, cpu, memory and a counter of cpu seconds. The faults are those of chaos experiments. What ranks well
here need not rank well on real systems: nothing should be tuned on this alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from graphcl.core.errors import UserError, suggestion

#: 2026-01-05 10:00 UTC.
START = 1767607200
#: Names of services, the front first; more are numbered.
NAMES = ("web", "cart", "catalog", "checkout", "payment", "stock", "search", "ads", "mail", "users", "db", "cache")
#: A caller learns of a slow or failing callee so many rows later.
LAG = 2
#: Seconds after which a call to a dead pod is given up.
TIMEOUT = 1.0


@dataclass(frozen=True)
class Simulated:
    """A table and what is true of it.

    Attributes:
        frame: ``time`` in seconds since 1970 and a column ``{service}_{metric}`` for each metric.
        fault: Name of the fault; ``none`` for no fault.
        service: Where it is; "" for no fault.
        metrics: Metrics of that service in which it shows first.
        anomaly_time: Seconds since 1970 of its first row.
        calls: Service -> services that it calls.
        front: The service that users see.
    """

    frame: pd.DataFrame
    fault: str
    service: str
    metrics: tuple[str, ...]
    anomaly_time: float
    calls: dict[str, list[str]]
    front: str


@dataclass
class _Own:
    """What a service does by itself, [T] each; a fault changes these."""

    latency: np.ndarray
    failing: np.ndarray
    cpu: np.ndarray
    memory: np.ndarray
    silent: np.ndarray


#: Name -> metrics in which it shows first, and how it changes a service from a row on.
_Fault = tuple[tuple[str, ...], Callable[[_Own, slice, np.ndarray, np.random.Generator], None]]


def _cpu(own: _Own, on: slice, age: np.ndarray, draw: np.random.Generator) -> None:
    own.cpu[on] += 0.5
    own.latency[on] *= 1.0 + np.minimum(age / 5.0, 1.0)  # queues fill within some seconds


def _memory_leak(own: _Own, on: slice, age: np.ndarray, draw: np.random.Generator) -> None:
    own.memory[on] += 4.0 * age
    pressure = np.clip(age / 60.0 - 0.5, 0.0, 2.0)  # collecting garbage costs more and more
    own.cpu[on] += 0.15 * pressure
    own.latency[on] *= 1.0 + pressure


def _delay(own: _Own, on: slice, age: np.ndarray, draw: np.random.Generator) -> None:
    own.latency[on] += 0.2 + 0.02 * draw.standard_normal(len(age))


def _loss(own: _Own, on: slice, age: np.ndarray, draw: np.random.Generator) -> None:
    own.failing[on] += 0.08 + 0.02 * draw.random(len(age))
    own.latency[on] += 0.1 * draw.exponential(1.0, len(age))  # what is sent again takes longer


def _dead_pod(own: _Own, on: slice, age: np.ndarray, draw: np.random.Generator) -> None:
    own.silent[on] = True


def _bad_deploy(own: _Own, on: slice, age: np.ndarray, draw: np.random.Generator) -> None:
    own.failing[on] += 0.3 + 0.03 * draw.standard_normal(len(age))
    own.memory[on] += 60.0
    own.latency[on] *= 0.7  # failing is quick


FAULTS: Mapping[str, _Fault] = {
    "cpu": (("cpu", "cpu-seconds"), _cpu),
    "memory leak": (("memory",), _memory_leak),
    "delay": (("latency",), _delay),
    "loss": (("errors", "latency"), _loss),
    "dead pod": (("requests", "latency", "errors", "cpu", "memory", "cpu-seconds"), _dead_pod),
    "bad deploy": (("errors", "memory"), _bad_deploy),
}


def simulate(
    fault: str = "delay",
    *,
    services: int = 8,
    rows: int = 900,
    begins: int = 780,
    missing: float = 0.01,
    seed: int = 0,
) -> Simulated:
    """Telemetry with one fault at a service that the seed chooses (never the front).

    Args:
        fault: One of :data:`FAULTS`, or ``none``.
        services: How many, at least 3.
        rows: Seconds.
        begins: First row of the fault.
        missing: Share of samples that are lost; one healthy service also has a gap, another restarts (its counter
            begins anew), before the fault.
        seed: Of everything.

    Raises:
        UserError: an unknown fault, too few services, or a fault outside of the table.
    """
    if fault not in FAULTS and fault != "none":
        raise UserError(f"fault {fault!r} is unknown{suggestion(fault, [*FAULTS, 'none'])}")
    if services < 3 or not 60 <= begins < rows:
        raise UserError(f"{services} services, a fault at row {begins} of {rows}: at least 3, from row 60 on")
    draw, of_fault, of_errors = np.random.default_rng(seed).spawn(3)  # so that a fault changes nothing before it
    names = [NAMES[k] if k < len(NAMES) else f"svc{k}" for k in range(services)]
    calls = _calls(names, draw)
    share = {(one, other): 0.3 + 0.7 * float(draw.random()) for one in names for other in calls[one]}
    own = {name: _healthy(rows, draw) for name in names}
    place = names[int(draw.integers(1, services))]
    if fault != "none":
        FAULTS[fault][1](own[place], slice(begins, rows), np.arange(rows - begins, dtype=float), of_fault)
    columns = _propagated(names, calls, share, own, _load(rows, draw), draw, of_errors)
    _lose(columns, [name for name in names if name != place], begins, missing, draw)
    frame = pd.DataFrame({"time": START + np.arange(rows), **columns})
    told = (place, FAULTS[fault][0]) if fault != "none" else ("", ())
    return Simulated(frame, fault, *told, float(START + begins), calls, names[0])


def _calls(names: list[str], draw: np.random.Generator) -> dict[str, list[str]]:
    """Each service but the front is called by one before it, some by two."""
    found: dict[str, list[str]] = {name: [] for name in names}
    for k, name in enumerate(names[1:], 1):
        callers = draw.choice(k, size=min(k, 1 + int(draw.random() < 0.3)), replace=False)
        for caller in sorted(callers.tolist()):
            found[names[caller]].append(name)
    return found


def _healthy(rows: int, draw: np.random.Generator) -> _Own:
    return _Own(
        latency=(0.01 + 0.03 * draw.random()) * np.exp(0.08 * draw.standard_normal(rows)),
        failing=np.zeros(rows),
        cpu=np.full(rows, 0.1 + 0.1 * draw.random()),
        memory=100 + 300 * draw.random() + _wander(rows, 0.9, draw),
        silent=np.zeros(rows, dtype=bool),
    )


def _load(rows: int, draw: np.random.Generator) -> np.ndarray:
    """Requests a second at the front: a slow swing and noise that lasts."""
    swing = 1 + 0.15 * np.sin(2 * np.pi * (np.arange(rows) / 240 + draw.random()))
    return 200 * swing + 4 * _wander(rows, 0.8, draw)


def _wander(rows: int, keeps: float, draw: np.random.Generator) -> np.ndarray:
    """Noise of deviation 1 that keeps a share of its last value."""
    found = draw.standard_normal(rows)
    for row in range(1, rows):
        found[row] = keeps * found[row - 1] + np.sqrt(1 - keeps**2) * found[row]
    return found


def _propagated(
    names: list[str],
    calls: Mapping[str, list[str]],
    share: Mapping[tuple[str, str], float],
    own: Mapping[str, _Own],
    load: np.ndarray,
    draw: np.random.Generator,
    of_errors: np.random.Generator,
) -> dict[str, np.ndarray]:
    rows = len(load)
    requests = {names[0]: load}
    for name in names:  # callers stand before what they call
        for other in calls[name]:
            requests[other] = requests.get(other, 0.0) + share[name, other] * _later(requests[name], 1)
    latency: dict[str, np.ndarray] = {}
    failing: dict[str, np.ndarray] = {}
    for name in reversed(names):
        latency[name], good = own[name].latency.copy(), 1.0 - own[name].failing
        for other in calls[name]:
            dead = _later(own[other].silent.astype(float), LAG) > 0
            waits = np.where(dead, TIMEOUT, _later(latency[other], LAG))
            fails = np.where(dead, 0.9, _later(failing[other], LAG))
            latency[name] += share[name, other] * waits
            good = good * (1.0 - share[name, other] * 0.6 * fails)  # the others are tried again
        failing[name] = np.clip(1.0 - good, 0.0, 1.0)
    columns: dict[str, np.ndarray] = {}
    for name in names:
        served = requests[name]
        work = own[name].cpu + served / (2000 * (0.5 + draw.random())) + 0.01 * draw.standard_normal(rows)
        metrics = {
            "requests": served * np.exp(0.01 * draw.standard_normal(rows)),
            "latency": latency[name],
            "errors": of_errors.poisson(served * failing[name]).astype(float),
            "cpu": work,
            "memory": own[name].memory + 0.3 * draw.standard_normal(rows),
            "cpu-seconds": 1000 * draw.random() + np.cumsum(np.maximum(work, 0.0) + 0.005 * draw.random(rows)),
        }
        for metric, values in metrics.items():
            columns[f"{name}_{metric}"] = np.where(own[name].silent, np.nan, values)
    return columns


def _later(values: np.ndarray, rows: int) -> np.ndarray:
    return np.concatenate([np.full(rows, values[0]), values[:-rows]])


def _lose(
    columns: dict[str, np.ndarray], healthy: list[str], begins: int, share: float, draw: np.random.Generator
) -> None:
    """Samples that are lost, a gap of one service and a restart of another, all before or beside the fault."""
    if not share:
        return
    gap, again = draw.permutation(healthy)[:2].tolist()
    at = int(draw.integers(begins // 4, begins // 2))
    for name, values in columns.items():
        values[draw.random(len(values)) < share] = np.nan
        if name.startswith(f"{gap}_"):
            values[at : at + 15] = np.nan
    counter = columns[f"{again}_cpu-seconds"]
    reset = int(draw.integers(begins // 2, begins - begins // 8))
    counter[reset:] -= np.nanmax(counter[:reset])
