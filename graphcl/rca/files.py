"""An analysis as files: rankings and graph as JSON, the graph as GraphML, and a page for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import networkx as nx

from graphcl.core.files import replacing, write_json, write_text
from graphcl.data.telemetry.clock import isoformat
from graphcl.rca.analysis import Analysis
from graphcl.rca.page import as_page
from graphcl.report.svg import plain_text

#: What :func:`write` writes.
FILES = ("ranking.json", "graph.json", "graph.graphml", "report.html")


def as_json(analysis: Analysis, top: int | None = None) -> dict[str, Any]:
    """An analysis as plain values, both rankings best first; times in seconds and as dates.

    Args:
        analysis: See there.
        top: Entries of each ranking; None is all.
    """

    def moment(seconds: float | None) -> str | None:
        return None if seconds is None else isoformat(seconds)

    return {
        "method": analysis.method,
        "anomaly_time": analysis.anomaly_time,
        "anomaly_date": moment(analysis.anomaly_time),
        "detected": analysis.detected,
        "confidence": analysis.confidence,
        "metrics": [
            {
                "service": one.service, "metric": one.metric, "name": one.name, "score": one.score,
                "since": one.since, "since_date": moment(one.since), "evidence": one.evidence,
                "same": list(one.same), "ranks": one.ranks,
            }
            for one in analysis.metrics[:top]
        ],
        "services": [
            {"service": one.service, "score": one.score, "confidence": one.confidence, "ranks": one.ranks}
            for one in analysis.services[:top]
        ],
        "notes": list(analysis.notes),
        "period_seconds": analysis.telemetry.period,
        "rows": len(analysis.telemetry.time),
        "seconds": round(analysis.seconds, 3),
    }  # fmt: skip


def graph_json(analysis: Analysis) -> dict[str, Any]:
    """Metrics as nodes, best first, and the edges from cause to effect."""
    nodes = [
        {"name": one.name, "service": one.service, "metric": one.metric, "score": one.score, "rank": place}
        for place, one in enumerate(analysis.metrics, 1)
    ]
    edges = [{"cause": cause, "effect": effect, "weight": weight} for cause, effect, weight in analysis.graph]
    return {"nodes": nodes, "edges": edges}


def write(analysis: Analysis, folder: Path) -> list[Path]:
    """Write :data:`FILES` into a folder, which is made; returns their paths.

    Raises:
        UserError: it cannot be written.
    """
    graph = graph_json(analysis)
    value = as_json(analysis)
    write_json(folder / "ranking.json", value)
    write_json(folder / "graph.json", graph)
    drawn = nx.DiGraph()
    for node in graph["nodes"]:
        kept = {key: plain_text(value) if isinstance(value, str) else value for key, value in node.items()}
        drawn.add_node(kept.pop("name"), **kept)
    for edge in graph["edges"]:
        drawn.add_edge(plain_text(edge["cause"]), plain_text(edge["effect"]), weight=edge["weight"])
    with replacing(folder / "graph.graphml") as temporary:
        nx.write_graphml(drawn, temporary)
    write_text(folder / "report.html", as_page(analysis, value))
    return [folder / name for name in FILES]
