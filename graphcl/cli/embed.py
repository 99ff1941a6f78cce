"""``graphcl embed``: the embeddings of a finished run, or of new nodes and graphs, with the user's own ids."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from graphcl.cli.options import AllowPlugins, DataRoot, Json, Overwrite, Quiet, Run, argument, option
from graphcl.cli.output import Output
from graphcl.core.errors import UserError, suggestion

if TYPE_CHECKING:
    from graphcl.serve.opened import OpenedRun


def embed(
    run: Run,
    out: Annotated[
        Path,
        option("--out", "FILE", "Write to .parquet, .csv, .tsv, .jsonl or .npz."),
    ],
    settings: Annotated[
        list[str] | None,
        argument("DATA.KEY=VALUE...", "How --data is read, where not as in training: data.encoding=latin-1."),
    ] = None,
    data: Annotated[
        str | None,
        option("--data", "FILE", "A new graph: nodes.csv,edges.csv (or Parquet), .npz, .graphml, or a folder."),
    ] = None,
    type: Annotated[str | None, option("--type", "NAME", "Only this type of nodes: user, item.")] = None,
    overwrite: Overwrite = False,
    data_root: DataRoot = None,
    allow_plugins: AllowPlugins = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write embeddings: one row per node with its type, id and vector.

    Of the graph that the run was trained on; with --data, of a new graph with the same features, labels not needed.
    """
    from graphcl.serve.embeddings import ENDINGS, write_embeddings
    from graphcl.serve.export import require_output

    require_output(out, overwrite=overwrite, endings=ENDINGS)
    if settings and data is None:
        raise UserError(f"{' '.join(settings)}: settings of the data need --data; a run's own graph is what it was")
    from graphcl.serve.opened import open_run
    from graphcl.serve.queries import named_embeddings

    output = Output(as_json=json, quiet=quiet)
    opened = open_run(run, allow_plugins=allow_plugins, data_root=data_root)
    chosen, source = named_embeddings(opened)
    if data is not None:
        chosen, source = opened.embed_unseen(options=_options(opened, data, settings or []))
        for line in source.report.lines():
            output.say(line)
    if type is not None:
        named = {name or "node": name for name in chosen}  # as the table's column `type` says
        if type not in named:
            raise UserError(f"--type: {run} has no embeddings of type {type!r}{suggestion(type, named)}")
        chosen = {named[type]: chosen[named[type]]}
    sizes = {name or "node": list(rows.shape) for name, rows in chosen.items()}
    write_embeddings(out, chosen, source)
    text = ", ".join(f"{rows:,} {name} embeddings of width {width}" for name, (rows, width) in sizes.items())
    output.result({"out": str(out), "shapes": sizes}, lambda: f"{text} written to {out}")


def _options(opened: OpenedRun, path: str, settings: Sequence[str]) -> dict[str, Any]:
    """The data options of the run, with the new path and the settings that differ."""
    for assignment in settings:
        if not assignment.startswith("data."):
            raise UserError(f"{assignment!r}: only data.* can differ, what the run was trained with is fixed")
    recipe = opened.recipe.override(*settings) if settings else opened.recipe
    return {**recipe["data"], "path": path}
