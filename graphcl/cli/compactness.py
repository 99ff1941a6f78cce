"""``graphcl compactness``: which nodes stay close to their counterpart whatever edges are deleted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from graphcl.cli.options import AllowPlugins, DataRoot, Json, Overwrite, Quiet, Run, option
from graphcl.cli.output import Output
from graphcl.core.errors import MissingExtra, UserError

if TYPE_CHECKING:
    from graphcl.engine.run import RunFolder

_PICTURES = (".png", ".svg", ".pdf")


def compactness(
    run: Run,
    budget: Annotated[
        str,
        option("--budget", "Q", "Edges each node may lose: any, quantile (of the views' own rate), 0.3, 30%, 3."),
    ] = "",
    mode: Annotated[
        str, option("--mode", "NAME", "sound, a bound; or reference, the published surrogate, which is not a bound.")
    ] = "",
    inner: Annotated[str, option("--inner", "NAME", "Inner bounds: row (tighter) or interval (faster).")] = "",
    out: Annotated[
        Path | None, option("--out", "FILE", "Table by node: .parquet, .csv, ... (RUN/compactness.parquet).")
    ] = None,
    picture: Annotated[
        Path | None, option("--picture", "FILE", "Picture: .png, .svg or .pdf (beside the table, .png).")
    ] = None,
    overwrite: Overwrite = False,
    data_root: DataRoot = None,
    allow_plugins: AllowPlugins = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Bound the compactness of every node of a run's two views under deleted edges, before and after training."""
    for name, given, known in (("--mode", mode, ("sound", "reference")), ("--inner", inner, ("row", "interval"))):
        if given and given not in known:
            raise UserError(f"{name}: {given!r}; known: {', '.join(known)}")
    from graphcl.engine.run import RunFolder
    from graphcl.serve.export import require_output

    RunFolder.open(run)  # before anything is said of files in it
    table = out or run / "compactness.parquet"
    figure = picture or table.with_suffix(".png")
    require_output(table, overwrite=overwrite)
    require_output(figure, overwrite=overwrite, endings=_PICTURES)
    from graphcl.report.compactness import compactness_table, draw_compactness
    from graphcl.serve.compactness import measure_compactness
    from graphcl.serve.opened import open_run

    output = Output(as_json=json, quiet=quiet)
    opened = open_run(run, allow_plugins=allow_plugins, data_root=data_root)
    report = measure_compactness(opened, budget=budget, mode=mode, inner=inner)
    report.write(table)
    written = [str(table)]
    try:
        draw_compactness(figure, report.columns, report.score, _over_training(opened.folder))
        written.append(str(figure))
    except MissingExtra as error:
        output.say(f"no picture: {error}")
    output.say(f"written to {' and '.join(written)}")
    summary = report.summary()
    value: dict[str, Any] = {"run": str(run), "written": written, "about": dict(report.about), "summary": summary}
    output.result(value, lambda: compactness_table(summary, report.about))


def _over_training(folder: RunFolder) -> list[tuple[int, float]]:
    """(epoch, share certified) of the run's log, where its recipe had the regularizer."""
    from graphcl.engine.log import read_log

    found = []
    for record in read_log(folder):
        shares = [value for name, value in record["valid"].items() if name.endswith("/certified")]
        if shares:
            found.append((int(record["epoch"]), float(shares[0])))
    return found
