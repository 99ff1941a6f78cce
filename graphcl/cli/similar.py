"""``graphcl similar``: the nearest items of an item, or users of a user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from graphcl.cli.options import AllowPlugins, Json, Quiet, Run, option
from graphcl.cli.output import Output
from graphcl.core.errors import UserError
from graphcl.core.words import counted

if TYPE_CHECKING:
    from graphcl.serve.recommender import Recommender


def similar(
    run: Run,
    item: Annotated[str | None, option("--item", "ID", "Of which item.")] = None,
    user: Annotated[str | None, option("--user", "ID", "Of which user.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many.")] = 20,
    allow_plugins: AllowPlugins = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """The items (or users) most like one of them, by the cosine of their embeddings."""
    if (item is None) == (user is None):
        raise UserError("give one of --item ID and --user ID")
    from graphcl.report.tables import ranked_table
    from graphcl.serve.recommender import Recommender

    output = Output(as_json=json, quiet=quiet)
    recommender = Recommender.open(run, allow_plugins=allow_plugins)
    found = recommender.similar("item", item, k) if item is not None else recommender.similar("user", str(user), k)
    if len(found.ids) < k:
        output.say(f"only {counted(len(found.ids), 'other ' + found.kind)} known: k={k} is clipped to that")
    rows = [
        {"rank": rank, found.kind: id, **_named(recommender, found.kind, id), "cosine": round(cosine, 6)}
        for rank, (id, cosine) in enumerate(zip(found.ids, found.cosines, strict=True), start=1)
    ]
    title = f"{found.kind}s like {' '.join([found.id, *_named(recommender, found.kind, found.id).values()])}"
    output.result({found.kind: found.id, "similar": rows}, lambda: [title, ranked_table(rows)])


def _named(recommender: Recommender, kind: str, id: str) -> dict[str, str]:
    names = recommender.item_names([id]) if kind == "item" else None
    return {} if names is None else {"name": names[0]}
