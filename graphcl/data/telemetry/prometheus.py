"""Metrics out of Prometheus, by its HTTP range API (``/api/v1/query_range``)."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pandas as pd
import requests

from graphcl.core.errors import UserError
from graphcl.core.words import counted
from graphcl.data.telemetry.clock import isoformat

#: Every series.
EVERYTHING = '{__name__=~".+"}'
#: Moments of one answer; Prometheus refuses more than 11,000.
MOST_MOMENTS = 10_000
#: Labels that name a service, the first that a series has.
SERVICE_LABELS = ("service", "app", "job", "instance")
#: Environment variables with a token, or with a name and a password.
TOKEN, USER, PASSWORD = "GRAPHCL_PROMETHEUS_TOKEN", "GRAPHCL_PROMETHEUS_USER", "GRAPHCL_PROMETHEUS_PASSWORD"
#: Seconds for a connection, and for an answer.
TIMEOUT = (5.0, 60.0)
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}


@dataclass
class _Found:
    """Samples of series by (service, metric) as they come, and what is to be said."""

    series: dict[tuple[tuple[str, str], ...], dict[float, float]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    histograms: int = 0


def duration(text: str) -> float:
    """Seconds of ``15``, ``15s`` or ``1m30s``.

    Raises:
        UserError: it is none, or not above 0.
    """
    if re.fullmatch(r"\d+(\.\d+)?", text):
        seconds = float(text)
    elif re.fullmatch(r"(\d+(ms|[smhdwy]))+", text):
        seconds = sum(int(many) * _UNITS[unit] for many, unit in re.findall(r"(\d+)(ms|[smhdwy])", text))
    else:
        raise UserError(f"{text!r} is no duration; give seconds, or 15s, 1m, 1h30m")
    if not seconds > 0:
        raise UserError(f"a step of {text!r} is none")
    return seconds


def query_prometheus(
    url: str,
    start: float,
    end: float,
    step: float,
    match: Sequence[str] = (),
    *,
    label: str = "",
    timeout: tuple[float, float] = TIMEOUT,
) -> tuple[pd.DataFrame, list[str]]:
    """A long table ``time, service, metric, value``, and what was decided.

    A name and password or a token are taken of the environment (:data:`USER` and :data:`PASSWORD`, :data:`TOKEN`). A
    range of more than :data:`MOST_MOMENTS` moments is asked for in parts; a part that fails twice is left out and said.

    Args:
        url: Of the server, with whatever path it is served under.
        start: First moment, seconds since 1970.
        end: Last moment.
        step: Seconds between two moments.
        match: PromQL, each giving series; none takes every series.
        label: The label that names the service; "" takes the first of :data:`SERVICE_LABELS`.
        timeout: Seconds for a connection, and for an answer.

    Raises:
        UserError: nothing can be asked for, or nothing comes back.
    """
    if not math.isfinite(end - start) or end <= start:
        raise UserError(f"from {isoformat(start)} to {isoformat(end)} there is no time")
    address = _address(url)
    found = _Found()
    with requests.Session() as session:
        _authorise(session)
        for query in match or [EVERYTHING]:
            for first, last in _parts(start, end, step):
                values = {"query": query, "start": first, "end": last, "step": step}
                _ask(session, address, values, timeout, found)
    if not found.series:
        reason = f": {found.failures[0]}" if found.failures else f" for {', '.join(match) or 'any series'}"
        raise UserError(f"{_shown(url)} gave no samples{reason}")
    frame, note = _long(found, label)
    notes = [f"{len(found.series):,} series of {_shown(url)}, {note}"]
    if found.histograms:
        notes.append(f"{counted(found.histograms, 'native histogram')} left out")
    notes += [f"warning of the server: {text}" for text in dict.fromkeys(found.warnings)]
    notes += [f"incomplete: {text}" for text in found.failures]
    return frame, notes


def _address(url: str) -> str:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserError(f"--prometheus {_shown(url)!r} is no address; give http://host:9090")
    return urlunsplit((parts.scheme, parts.netloc, f"{parts.path.rstrip('/')}/api/v1/query_range", "", ""))


def _shown(url: str) -> str:
    """The address without a password in it."""
    return re.sub(r"//[^/@]*@", "//", url)


def _authorise(session: requests.Session) -> None:
    if token := os.environ.get(TOKEN):
        session.headers["Authorization"] = f"Bearer {token}"
        session.trust_env = False  # else a .netrc replaces the token
    elif user := os.environ.get(USER):
        session.auth = (user, os.environ.get(PASSWORD, ""))


def _parts(start: float, end: float, step: float) -> Iterator[tuple[float, float]]:
    """Ranges of at most :data:`MOST_MOMENTS` moments of one grid."""
    moments = int((end - start) / step + 1e-9) + 1
    for first in range(0, moments, MOST_MOMENTS):
        last = min(first + MOST_MOMENTS, moments) - 1
        yield start + first * step, start + last * step


def _ask(
    session: requests.Session, address: str, values: dict[str, Any], timeout: tuple[float, float], found: _Found
) -> None:
    """One part of one query, tried twice where the server or the way to it failed."""
    reason = ""
    for _ in range(2):
        try:
            answer = session.post(address, data=values, timeout=timeout)
        except requests.Timeout:
            reason = f"no answer within {timeout[1]:g} s"
        except requests.RequestException as error:
            reason = f"cannot be reached ({type(error).__name__})"
        else:
            content, reason = _content(answer)
            if content is not None:
                _take(content, found)
                return
            if answer.status_code < 500 and answer.status_code != 429:
                raise UserError(f"{_shown(address)}: {reason}; query {values['query']!r}")
    span = f"{isoformat(values['start'])} to {isoformat(values['end'])}"
    found.failures.append(f"{span} of {values['query']!r}: {reason}")


def _content(answer: requests.Response) -> tuple[dict[str, Any] | None, str]:
    """The answer's content, or why there is none."""
    if answer.status_code in (401, 403):
        return None, f"refused ({answer.status_code}); set {TOKEN}, or {USER} and {PASSWORD}"
    try:
        content = answer.json()
    except ValueError:
        return None, f"answers {answer.status_code} and no JSON; is it a Prometheus?"
    if not isinstance(content, dict) or content.get("status") != "success":
        said = content.get("error") if isinstance(content, dict) else None
        return None, f"answers {answer.status_code}: {str(said or 'no status')[:300]}"
    data = content.get("data")
    if not isinstance(data, dict) or data.get("resultType") != "matrix" or not isinstance(data.get("result"), list):
        return None, f"answers {answer.status_code} without a matrix; is it a Prometheus?"
    return content, ""


def _take(content: dict[str, Any], found: _Found) -> None:
    found.warnings += [str(text) for text in content.get("warnings") or []]
    for one in content["data"]["result"]:
        labels = {str(name): str(value) for name, value in (one.get("metric") or {}).items()}
        if not one.get("values"):
            found.histograms += bool(one.get("histograms"))
            continue
        known = found.series.setdefault(tuple(sorted(labels.items())), {})
        known |= {float(moment): _number(value) for moment, value in one["values"]}


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return math.nan
    return number if math.isfinite(number) else math.nan


def _long(found: _Found, label: str) -> tuple[pd.DataFrame, str]:
    """The long table; a metric is called after the labels that tell it from others of its name and service."""
    wanted = (label,) if label else SERVICE_LABELS
    groups: dict[tuple[str, str], list[dict[str, str]]] = {}
    for key in found.series:
        labels = dict(key)
        groups.setdefault(_pair(labels, wanted), []).append(labels)
    named = {}
    for (service, metric), members in groups.items():
        telling = [
            name for name in sorted({name for labels in members for name in labels})
            if name != "__name__" and len({labels.get(name) for labels in members}) > 1
        ]  # fmt: skip
        for labels in members:
            more = ",".join(f'{name}="{labels[name]}"' for name in telling if name in labels)
            named[tuple(sorted(labels.items()))] = (service, f"{metric}{{{more}}}" if more else metric)
    parts = [
        pd.DataFrame({"time": list(samples), "service": named[key][0], "metric": named[key][1],
                      "value": list(samples.values())})
        for key, samples in found.series.items()
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True), f"services by the label {' or '.join(wanted)}"


def _pair(labels: dict[str, str], wanted: Sequence[str]) -> tuple[str, str]:
    metric = labels.get("__name__") or "value"
    return next((labels[name] for name in wanted if labels.get(name)), metric), metric
