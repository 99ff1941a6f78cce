"""``graphcl rca``: from a table of metrics to the service and metric that an incident began with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphcl.cli.options import Json, Overrides, Overwrite, Quiet, argument, option
from graphcl.cli.output import Output
from graphcl.cli.rca_source import chosen
from graphcl.core.errors import UserError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from graphcl.rca import Analysis

#: Exit code when the metrics show no anomaly.
NO_ANOMALY = 3

#: Options of the walk on a causal graph and what they may be.
_DIRECTIONS = ("to_causes", "to_effects")
_STARTS = ("change", "deviation", "none", "dangling")
_PRIORS = ("map", "onset", "both", "none")


def rca(
    table: Annotated[
        Path | None,
        argument("[FILE]", "Metrics: a time and a column each, or time, service, metric, value; CSV, Parquet, gzip."),
    ] = None,
    overrides: Overrides = None,
    anomaly_time: Annotated[
        str, option("--anomaly-time", "TIME", "When it began: a date, or a number as in the table (else found).")
    ] = "",
    normal: Annotated[Path | None, option("--normal", "FILE", "A table of a time without trouble.")] = None,
    method: Annotated[
        str,
        option(
            "--method",
            "NAME",
            "What ranks: deviation (default), zscore, zscore-absolute, baro, energy; with a graph granger-pagerank, "
            "pc-pagerank, run, run-reference; random.",
        ),
    ] = "",
    recipe: Annotated[
        str, option("--recipe", "RECIPE", "Trained by the method run (run_rca), with KEY=VALUE... laid over it.")
    ] = "",
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
    ] = "",
    personalisation: Annotated[
        str,
        option("--personalisation", "NAME", "Where a walk begins: change, deviation, none or dangling (the method's)."),
    ] = "",
    prior: Annotated[
        str, option("--prior", "NAME", "Edges agree with: map (the service map, where given), onset, both, none.")
    ] = "",
    acyclic: Annotated[
        bool, typer.Option("--acyclic", help="Take the weakest edge out of every cycle before the walk.")
    ] = False,
    weighted: Annotated[
        bool, typer.Option("--weighted", help="Take edges in proportion to their weight (run does).")
    ] = False,
    damping: Annotated[
        float | None,
        typer.Option("--damping", metavar="P", min=0.0, max=0.99, help="Probability of a further step (the method's)."),
    ] = None,
    votes: Annotated[
        int, typer.Option("--votes", metavar="K", min=1, help="Trainings of run, each with its seed, that vote.")
    ] = 1,
    prometheus: Annotated[
        str,
        option("--prometheus", "URL", "Take the metrics of this server; auth by GRAPHCL_PROMETHEUS_TOKEN, ..._USER."),
    ] = "",
    start: Annotated[str, option("--start", "TIME", "Of a range of Prometheus: a date, or seconds since 1970.")] = "",
    end: Annotated[str, option("--end", "TIME", "End of it (now).")] = "",
    step: Annotated[str, option("--step", "TIME", "Between two rows: 15s, 1m.")] = "",
    match: Annotated[
        list[str] | None, option("--match", "PROMQL", "Which series, or an expression; may be repeated (all).")
    ] = None,
    service_label: Annotated[
        str, option("--service-label", "NAME", "Label that names the service (service, app, job or instance).")
    ] = "",
    demo: Annotated[
        bool, typer.Option("--demo", help="An incident that is made up; --seed 0 to 5 are six faults.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of whatever is drawn.")] = 0,
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
    named = {"direction": (direction, _DIRECTIONS), "personalisation": (personalisation, _STARTS),
             "prior": (prior, _PRIORS)}  # fmt: skip
    for name, (given, known) in named.items():
        if given and given not in known:
            raise UserError(f"--{name}: {given!r}; known: {', '.join(known)}")
    from graphcl.core.files import require_place, write_text
    from graphcl.rca.analysis import DEFAULT, analyse
    from graphcl.rca.files import FILES, as_json, write
    from graphcl.rca.methods import TRAINED, own_walk

    if prior in ("map", "both") and service_map is None:
        raise UserError(f"--prior {prior} needs to know who calls whom: --service-map FILE")
    if out is not None:
        require_place(out)
        if not overwrite and any((out / name).exists() for name in FILES):
            raise UserError(f"{out} holds an analysis already; replace it with --overwrite")
    output = Output(as_json=json, quiet=quiet)
    if table is not None and (demo or prometheus) and "=" in table.name:
        table, overrides = None, [str(table), *(overrides or [])]
    source = chosen(table, demo, prometheus, (start, end, step), match or (), service_label, seed)
    for note in source.notes:
        output.say(note)
    method = method or (next(iter(TRAINED)) if recipe or overrides else DEFAULT)
    asked: dict[str, Any] = {name: given for name, (given, _) in named.items() if given}
    asked |= {name: True for name, given in (("acyclic", acyclic), ("weighted", weighted)) if given}
    asked |= {} if damping is None else {"damping": damping}
    told: list[str] = []

    def tell(notes: Sequence[str]) -> None:
        for note in notes:
            if note not in told:
                output.say(note)
                told.append(note)

    def early(found: Analysis) -> None:
        tell(found.notes)
        _say_early(output, found)

    found = analyse(
        source.table,
        anomaly_time=anomaly_time or None,
        normal=normal,
        method=method,
        names=names,
        time_column=time,
        front=front or None,
        service_map=service_map,
        walk=replace(own_walk(method), **asked) if asked else None,
        recipe=recipe,
        overrides=overrides or (),
        votes=votes,
        first=early,
        seed=seed,
    )
    tell(found.notes)
    value = as_json(found, top)
    if source.truth is not None:
        value["truth"] = {name: getattr(source.truth, name) for name in ("fault", "service", "metrics", "anomaly_time")}
    output.result(value, lambda: _shown(value))
    if out is not None:  # after the answer, which a full disk must not take away
        written = write(found, out)
        if source.truth is not None:
            written.append(out / "demo.csv")
            write_text(written[-1], source.truth.frame.to_csv(index=False))
        output.say(f"written to {', '.join(str(path) for path in written)}")
    return 0 if found.anomaly_time is not None else NO_ANOMALY


def _say_early(output: Output, found: Analysis) -> None:
    """The answer of the change alone, while a method trains."""
    from graphcl.data.telemetry.clock import isoformat

    if found.anomaly_time is None or not found.services:
        return
    output.say(f"first answer ({found.method}, {found.seconds:.1f} s), anomaly at {isoformat(found.anomaly_time)}:")
    for place, one in enumerate(found.services[:3], 1):
        metric = next((metric for metric in found.metrics if metric.service == one.service), None)
        why = f": {metric.metric} {metric.evidence}" if metric else ""
        output.say(f"  {place}. {one.service} ({one.confidence:.0%}){why}")
    output.say("training; the final answer follows ...")


def _shown(value: dict[str, Any]) -> list[RenderableType]:
    from graphcl.report.rca import causes_table, services_table

    if value["anomaly_time"] is None:
        return ["no anomaly found"]
    how = "found" if value["detected"] else "given"
    head = f"anomaly at {value['anomaly_date']} ({how}), method {value['method']}, {value['seconds']:.1f} s"
    warnings = [note for note in value["notes"] if note.startswith("low confidence")]
    return [head, services_table(value["services"]), causes_table(value["metrics"]), *warnings]
