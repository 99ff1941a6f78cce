"""``graphcl score``: a score for every (user, item) pair of a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphcl.cli.options import AllowPlugins, Json, Overwrite, Quiet, Run, argument, option
from graphcl.cli.output import Output
from graphcl.core.errors import UserError
from graphcl.core.words import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

    from graphcl.serve.recommender import Recommender


def score(
    run: Run,
    pairs: Annotated[Path, argument("PAIRS", "File with a column of users and one of items.")],
    out: Annotated[
        Path | None,
        option("--out", "FILE", "Write to .parquet, .csv, .tsv or .jsonl."),
    ] = None,
    user_column: Annotated[str, option("--user-column", "NAME", "Column of the users; found when it is clear.")] = "",
    item_column: Annotated[str, option("--item-column", "NAME", "Column of the items; found when it is clear.")] = "",
    skip_unknown: Annotated[
        bool, typer.Option("--skip-unknown", help="Give pairs with an unknown user or item an empty score.")
    ] = False,
    overwrite: Overwrite = False,
    allow_plugins: AllowPlugins = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Score the pairs of a file, in its order: the inner product by which items are ranked."""
    output = Output(as_json=json, quiet=quiet)
    if out is not None:
        from graphcl.serve.export import require_output

        require_output(out, overwrite=overwrite)
    from graphcl.serve.recommender import Recommender

    recommender = Recommender.open(run, allow_plugins=allow_plugins)
    asked = _read(pairs, recommender, user_column, item_column, output)
    table = _scored(recommender, asked, skip_unknown, output)
    if out is not None:
        from graphcl.serve.export import writing

        with writing(out, table.schema) as write:
            write(table)
        output.result({"out": str(out), "rows": table.num_rows}, lambda: f"{table.num_rows:,} rows written to {out}")
        return
    output.result(table.to_pylist(), lambda: _csv(table))


@dataclass
class _Pairs:
    """The pairs of a file, and where a row of them stands in it."""

    users: list[str]
    items: list[str]
    where: Callable[[int], str]


def _read(path: Path, recommender: Recommender, user: str, item: str, output: Output) -> _Pairs:
    from graphcl.data.columns import choose_columns
    from graphcl.data.readers import ReadOptions, open_table
    from graphcl.data.values import as_text

    table = open_table(path, "", ReadOptions())
    # The columns of the log that was trained on are the first guess.
    known = {role: name for role, name in recommender.columns.items() if name in table.columns}
    named = {"user": user or known.get("user", ""), "item": item or known.get("item", "")}
    try:
        columns, _ = choose_columns(table, named, ["user", "item"])
    except UserError as error:  # written for train's settings; here the same choice is an option
        text = str(error).replace("data.user", "--user-column").replace("data.item", "--item-column")
        raise UserError(text) from error
    users: list[str] = []
    items: list[str] = []
    for chunk in table.chunks(list(columns.values())):
        users += [text or "" for text in as_text(chunk[columns["user"]]).to_pylist()]
        items += [text or "" for text in as_text(chunk[columns["item"]]).to_pylist()]
    if not users:
        raise UserError(f"{path} has no rows")
    output.say(f"{path}: {counted(len(users), 'pair')} of {columns['user']} and {columns['item']}")
    return _Pairs(users, items, lambda row: f"{path} {table.where(row)}")


def _scored(recommender: Recommender, asked: _Pairs, skip_unknown: bool, output: Output) -> pa.Table:
    import pyarrow as pa
    import torch

    users, items = asked.users, asked.items
    u = torch.from_numpy(recommender.users.index_of(users))
    u = u.where(torch.isin(u, recommender.answerable()), -1)
    i = torch.from_numpy(recommender.items.index_of(items))
    known = (u >= 0) & (i >= 0)
    if not bool(known.all()):
        row = int((~known).nonzero()[0])
        first = f"user {users[row]!r}" if u[row] < 0 else f"item {items[row]!r}"
        bad, pairs = int((~known).sum()), counted(len(users), "pair")
        text = f"{bad:,} of {pairs} with a user or item that the run does not know"
        if not skip_unknown:
            raise UserError(f"{text} (first: {first}, {asked.where(row)}); --skip-unknown gives them an empty score")
        output.say(f"{text} (first: {first}, {asked.where(row)}): no score")
    scores = torch.zeros(len(users))
    scores[known] = recommender.score_positions(u[known], i[known])
    return pa.table(
        {
            "user": pa.array(users, pa.string()),
            "item": pa.array(items, pa.string()),
            "score": pa.array(scores.numpy(), pa.float32(), mask=(~known).numpy()),
        }
    )


def _csv(table: pa.Table) -> Iterator[str]:
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.column_names)
    writer.writerows(zip(*(column.to_pylist() for column in table.columns), strict=True))
    yield text.getvalue().rstrip("\n")
