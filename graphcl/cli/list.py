"""``graphcl list``: what there is to put into a recipe."""

from __future__ import annotations

from typing import Annotated

from graphcl.cli.options import Json, Quiet, argument
from graphcl.cli.output import Output


def list_parts(
    what: Annotated[
        str | None,
        argument("WHAT", "recipes, data, or a kind of part: augmenters, terms, towers, ..."),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """List recipes, data sets and parts."""
    from graphcl.report import catalogue

    output = Output(as_json=json, quiet=quiet)
    if what is None:
        overview = catalogue.overview()
        output.result(overview, lambda: catalogue.overview_table(overview))
        return
    entries = catalogue.entries(what)
    output.result(entries, lambda: catalogue.table(what, entries))
