"""``graphcl embed``: the embeddings of a finished run, with the user's own ids."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from graphcl.cli.options import AllowPlugins, DataRoot, Json, Overwrite, Quiet, Run, option
from graphcl.cli.output import Output
from graphcl.core.errors import UserError, suggestion


def embed(
    run: Run,
    out: Annotated[
        Path,
        option("--out", "FILE", "Write to .parquet, .csv, .tsv, .jsonl or .npz."),
    ],
    type: Annotated[str | None, option("--type", "NAME", "Only this type of nodes: user, item.")] = None,
    overwrite: Overwrite = False,
    data_root: DataRoot = None,
    allow_plugins: AllowPlugins = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write the embeddings of a finished run: one row per node with its type, id and vector."""
    from graphcl.serve.embeddings import ENDINGS, write_embeddings
    from graphcl.serve.export import require_output

    require_output(out, overwrite=overwrite, endings=ENDINGS)
    from graphcl.serve.opened import open_run

    opened = open_run(run, allow_plugins=allow_plugins, data_root=data_root)
    chosen = dict(opened.embeddings)
    if type is not None:
        if type not in chosen:
            raise UserError(f"--type: {run} has no embeddings of type {type!r}{suggestion(type, chosen)}")
        chosen = {type: chosen[type]}
    sizes = {name or "node": list(rows.shape) for name, rows in chosen.items()}
    write_embeddings(out, chosen, opened.data)
    text = ", ".join(f"{rows:,} {name} embeddings of width {width}" for name, (rows, width) in sizes.items())
    output = Output(as_json=json, quiet=quiet)
    output.result({"out": str(out), "shapes": sizes}, lambda: f"{text} written to {out}")
