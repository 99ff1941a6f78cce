"""An analysis as one HTML page that needs nothing else: no script, no network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from graphcl.data.telemetry.clock import isoformat
from graphcl.rca.analysis import Analysis
from graphcl.rca.graph_methods import filled, granger_graph
from graphcl.rca.walk import Edge, break_cycles
from graphcl.report.rca import shown_ranks
from graphcl.report.svg import draw_graph, draw_series, plain_text

_TEMPLATE = Path(__file__).with_name("page.html.jinja")
#: Rows of the tables, nodes of the graph, arrows into one of its nodes, and series.
ROWS, NODES, CAUSES, SERIES = 15, 12, 2, 6
#: Rows shown before the anomaly: so many times the rows from it on, at least so many.
BEFORE, LEAST_BEFORE = 4, 120

#: (cause, effect, weight) by name.
Named = tuple[str, str, float]


def as_page(analysis: Analysis, value: dict[str, Any]) -> str:
    """The page.

    Args:
        analysis: See there.
        value: The same as plain values, :func:`graphcl.rca.files.as_json`.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["span"] = shown_ranks
    first = value["services"][0]["service"] if value["services"] else None
    drawn, caption = _graph(analysis)
    return plain_text(
        environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
            title=f"Root cause: {first}" if first else "Root cause analysis",
            value=value,
            most=ROWS,
            warnings=[note for note in value["notes"] if note.startswith("low confidence")],
            graph=drawn,
            caption=caption,
            series=_series(analysis),
        )
    )


def _series(analysis: Analysis) -> list[dict[str, Any]]:
    if analysis.anomaly_time is None:
        return []
    table = analysis.telemetry
    place = {column.name: index for index, column in enumerate(table.columns)}
    start = int(np.searchsorted(table.time, analysis.anomaly_time - 1e-6))
    first = max(0, start - max(BEFORE * (len(table.time) - start), LEAST_BEFORE))
    ends = (isoformat(float(table.time[first])), isoformat(analysis.anomaly_time), isoformat(float(table.time[-1])))

    def drawing(name: str) -> Markup:
        return Markup(draw_series(table.values[first:, place[name]], start - first, label=name, ends=ends))

    return [
        {"name": one.name, "evidence": one.evidence, "drawing": drawing(one.name)} for one in analysis.metrics[:SERIES]
    ]


def _graph(analysis: Analysis) -> tuple[Markup | None, str]:
    """The drawing of the first metrics with what is said under it; None where no two are connected."""
    names = [one.name for one in analysis.metrics[:NODES]]
    edges, caption = [edge for edge in analysis.graph if edge[0] in names and edge[1] in names], ""
    if not analysis.graph and len(names) > 1:
        edges = granger_among(analysis, names)
        caption = (
            f" {analysis.method} has no graph here; this one, of pairwise Granger tests, is for orientation and "
            "did not rank."
        )
    edges = strongest(edges, names)
    if not edges:
        return None, ""
    drawing = draw_graph(names, edges, places(names, edges), label="causal graph of the first metrics")
    said = (
        f"The first {len(names)} metrics, numbered by rank, arrows from cause to effect; at most {CAUSES} causes of "
        f"each are drawn, and no cycles."
    )
    return Markup(drawing), said + caption


def granger_among(analysis: Analysis, names: list[str]) -> list[Named]:
    """Pairwise Granger edges between some metrics, over all rows."""
    table = analysis.telemetry
    place = {column.name: index for index, column in enumerate(table.columns)}
    found = granger_graph(filled(table.values[:, [place[name] for name in names]]), alpha=0.01)
    return [(names[cause], names[effect], weight) for cause, effect, weight in found]


def strongest(edges: list[Named], names: list[str]) -> list[Named]:
    """Of the edges the :data:`CAUSES` strongest into each node, and of every cycle all but the weakest."""
    into: dict[str, list[Named]] = {}
    for edge in sorted(edges, key=lambda one: -one[2]):
        if edge[0] != edge[1]:
            into.setdefault(edge[1], []).append(edge)
    kept: list[Edge] = [
        (names.index(cause), names.index(effect), weight)
        for found in into.values()
        for cause, effect, weight in found[:CAUSES]
    ]
    return [(names[cause], names[effect], weight) for cause, effect, weight in break_cycles(kept)]


def places(names: list[str], edges: list[Named]) -> dict[str, tuple[float, float]]:
    """Name -> place in the unit square: causes left of their effects; what no edge touches in a row below."""
    graph = nx.DiGraph([(cause, effect) for cause, effect, _ in edges])
    for layer, found in enumerate(nx.topological_generations(graph)):
        for node in found:
            graph.nodes[node]["layer"] = layer
    alone = [name for name in names if name not in graph]
    height = 0.78 if alone else 1.0
    layout = nx.multipartite_layout(graph, subset_key="layer")
    points = np.array([layout[name] for name in graph])
    span = np.ptp(points, axis=0)
    points = np.where(span > 1e-9, (points - points.min(axis=0)) / np.where(span > 1e-9, span, 1.0), 0.5)
    found_places = {name: (float(x), float(y) * height) for name, (x, y) in zip(graph, points.tolist(), strict=True)}
    return found_places | {name: ((k + 0.5) / len(alone), 1.0) for k, name in enumerate(alone)}
