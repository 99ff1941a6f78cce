"""``graphcl rca``: from a table of metrics to the service and metric that an incident began with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphcl.cli.options import Json, Overwrite, Quiet, argument, option
from graphcl.cli.output import Output
from graphcl.core.errors import UserError

if TYPE_CHECKING:
    from rich.console import RenderableType

#: Exit code when the metrics show no anomaly.
NO_ANOMALY = 3

#: Options of the walk on a causal graph and what they may be.
_DIRECTIONS = ("to_causes", "to_effects")
_STARTS = ("change", "none", "dangling")


def rca(
    table: Annotated[
        Path,
        argument("FILE", "Metrics: a time and a column each, or time, service, metric, value; CSV, Parquet, gzip."),
    ],
    anomaly_time: Annotated[
        str, option("--anomaly-time", "TIME", "When it began: a date, or a number as in the table (else found).")
    ] = "",
    normal: Annotated[Path | None, option("--normal", "FILE", "A table of a time without trouble.")] = None,
    method: Annotated[str, option("--method", "NAME", "What ranks; an unknown name lists them (deviation).")] = "",
    top: Annotated[int, typer.Option("--top", metavar="K", min=1, help="Metrics and services shown.")] = 5,
    front: Annotated[str, option("--front", "SERVICE.METRIC", "Where the symptom is seen; it is no candidate.")] = "",
    service_map: Annotated[
        Path | None, option("--service-map", "FILE", "Who calls whom: caller,called CSV; adjacency CSV; JSON.")
    ] = None,
    names: Annotated[
        str,
        option("--names", "PATTERN", "How a column splits: {service}_{metric} (default), or a regular expression."),
    ] = "",
    time: Annotated[str, option("--time", "COLUMN", "Column of the time (found by its name).")] = "",
    direction: Annotated[
        str, option("--direction", "NAME", "Of a walk on a graph: to_causes (default) or to_effects.")
    ] = "to_causes",
    personalisation: Annotated[
        str, option("--personalisation", "NAME", "Where a walk begins: change (default), none or dangling.")
    ] = "change",
    acyclic: Annotated[
        bool, typer.Option("--acyclic", help="Take the weakest edge out of every cycle before the walk.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="Of whatever is drawn.")] = 0,
    out: Annotated[
        Path | None, option("--out", "DIR", "Write report.html, ranking.json, graph.json and graph.graphml there.")
    ] = None,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Rank the services and metrics that an incident may have begun with.

    Exit code 3: the metrics show no anomaly.
    """
    for name, given, known in (("direction", direction, _DIRECTIONS), ("personalisation", personalisation, _STARTS)):
        if given not in known:
            raise UserError(f"--{name}: {given!r}; known: {', '.join(known)}")
    from graphcl.rca.analysis import DEFAULT, analyse
    from graphcl.rca.files import FILES, as_json, write
    from graphcl.rca.graph_methods import WalkOptions

    if out is not None and not overwrite and any((out / name).exists() for name in FILES):
        raise UserError(f"{out} holds an analysis already; replace it with --overwrite")
    output = Output(as_json=json, quiet=quiet)
    found = analyse(
        table,
        anomaly_time=anomaly_time or None,
        normal=normal,
        method=method or DEFAULT,
        names=names,
        time_column=time,
        front=front or None,
        service_map=service_map,
        walk=WalkOptions(direction, personalisation, acyclic),  # type: ignore[arg-type]
        seed=seed,
    )
    for note in found.notes:
        output.say(note)
    if out is not None:
        written = write(found, out)
        output.say(f"written to {', '.join(str(path) for path in written)}")
    value = as_json(found, top)
    output.result(value, lambda: _shown(value))
    return 0 if found.anomaly_time is not None else NO_ANOMALY


def _shown(value: dict[str, Any]) -> list[RenderableType]:
    from graphcl.report.rca import causes_table, services_table

    if value["anomaly_time"] is None:
        return ["no anomaly found"]
    how = "found" if value["detected"] else "given"
    head = f"anomaly at {value['anomaly_date']} ({how}), method {value['method']}, {value['seconds']:.1f} s"
    warnings = [note for note in value["notes"] if note.startswith("low confidence")]
    return [head, services_table(value["services"]), causes_table(value["metrics"]), *warnings]
