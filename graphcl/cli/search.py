"""``graphcl search``: functions that do what a text says."""

from __future__ import annotations

from typing import Annotated

import typer

from graphcl.cli.options import AllowPlugins, Json, Quiet, Run, argument, option
from graphcl.cli.output import Output


def search(
    run: Run,
    text: Annotated[str, argument("TEXT", "What the code does: 'read a csv file'.")],
    data: Annotated[
        str | None, option("--data", "DIR", "Folder of code to search; default: what the run was trained on.")
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many.")] = 10,
    allow_plugins: AllowPlugins = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """The functions of a folder of code that are most like a text, by a run of code_search or cocosoda."""
    from graphcl.report.tables import ranked_table
    from graphcl.serve.search import CodeSearch

    output = Output(as_json=json, quiet=quiet)
    found = CodeSearch.open(run, {"path": data} if data is not None else None, allow_plugins=allow_plugins)
    hits = found.search(text, k)
    for line in found.report.lines():
        output.say(line)
    rows = [{"rank": n, "function": hit.place, "cosine": round(hit.cosine, 6)} for n, hit in enumerate(hits, 1)]
    title = f"{len(found.places):,} functions searched"
    output.result({"text": text, "found": rows}, lambda: [title, ranked_table(rows)])
