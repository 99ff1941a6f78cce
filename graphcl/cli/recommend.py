"""``graphcl recommend``: ranked lists for users, in their own ids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphcl.cli.ids import known_items
from graphcl.cli.options import AllowPlugins, Json, Overwrite, Quiet, Run, argument, option
from graphcl.cli.output import Output
from graphcl.core import words
from graphcl.core.errors import UserError

if TYPE_CHECKING:
    from rich.table import Table

    from graphcl.serve.answers import Recommended, Seen
    from graphcl.serve.recommender import Recommender


class Fallback(StrEnum):
    """What unknown users get."""

    popularity = "popularity"


def recommend(
    run: Run,
    more: Annotated[list[str] | None, argument("ID...", "Further users, after --user ID.")] = None,
    user: Annotated[list[str] | None, option("--user", "ID", "For whom: one id or several.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Items per user.")] = 20,
    history: Annotated[
        str | None,
        option("--history", "ITEM,ITEM", "For a new user, who had these items, in order (or FILE)."),
    ] = None,
    view: Annotated[
        list[str] | None,
        option("--view", "AUGMENTER.OPTION=VALUE", "Setting of the view that is embedded: ask_returns.retention=1."),
    ] = None,
    fallback: Annotated[
        Fallback | None,
        typer.Option("--fallback", help="What unknown users get, and users with nothing in train.", show_default=False),
    ] = None,
    allow: Annotated[str | None, option("--allow", "FILE|ITEM,ITEM", "The only items that may be given.")] = None,
    deny: Annotated[str | None, option("--deny", "FILE|ITEM,ITEM", "Items that are never given.")] = None,
    with_seen: Annotated[bool, typer.Option("--with-seen", help="Do not leave out what a user already had.")] = False,
    without_test: Annotated[
        bool,
        typer.Option("--without-test", help="Leave out what a user has in test, too; histories are read to the end."),
    ] = False,
    out: Annotated[
        Path | None,
        option("--out", "FILE", "Write to .parquet, .csv, .tsv or .jsonl; without --user: all users."),
    ] = None,
    overwrite: Overwrite = False,
    allow_plugins: AllowPlugins = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Recommend items to users.

    What a user has in train and validation is left out, as it was when the run was judged on test; a run of histories
    reads the same.
    """
    output = Output(as_json=json, quiet=quiet)
    users = [*(user or []), *(more or [])]
    _refuse(users, history, out, with_seen, without_test)
    if out is not None:
        from graphcl.serve.export import require_output

        require_output(out, overwrite=overwrite)
    from graphcl.serve.recommender import Recommender

    recommender = Recommender.open(run, view=view or [], allow_plugins=allow_plugins)
    if k > len(recommender.items):
        output.say(f"k={k:,} is clipped to the catalogue of {len(recommender.items):,} items")
    only: dict[str, Any] = {
        "allow": known_items(allow, "--allow", recommender.items, output),
        "deny": known_items(deny, "--deny", recommender.items, output),
    }
    seen: Seen = "none" if with_seen else "all" if without_test else "evaluation"
    if history is not None:
        had = known_items(history, "--history", recommender.items, output) or []
        if recommender.longest_history is not None and len(had) > recommender.longest_history:
            output.say(f"--history: the last {recommender.longest_history:,} of its {len(had):,} items are read")
        lists = [recommender.recommend_history(had, k, user=users[0] if users else "new", with_seen=with_seen, **only)]
    elif users:
        lists = recommender.recommend(users, k, seen=seen, fallback="popularity" if fallback else None, **only)
    else:
        assert out is not None
        _write(out, recommender, _all_blocks(recommender, k, seen, only, output), output)
        return
    _warn_untrained(recommender, lists, output)
    if out is not None:
        _write(out, recommender, iter([_rows(lists)]), output)
        return
    value = [{"user": found.user, "by": found.by, "items": _items(found, recommender)} for found in lists]
    output.result(value, lambda: _tables(value))


def _refuse(users: Sequence[str], history: str | None, out: Path | None, with_seen: bool, without_test: bool) -> None:
    if not users and history is None and out is None:
        raise UserError("say for whom: --user ID, --history ITEM,ITEM for a new user, or --out FILE for all users")
    if history is not None and len(users) > 1:
        raise UserError(f"--history is of one user, but there are {len(users)}: {', '.join(users)}")
    if with_seen and without_test:
        raise UserError("--with-seen and --without-test contradict each other")


def _warn_untrained(recommender: Recommender, lists: Sequence[Recommended], output: Output) -> None:
    untrained = recommender.untrained([found.user for found in lists if found.by == "model"])
    if untrained:
        output.say(
            f"nothing in train about {', '.join(untrained[:10])}: the list is that of a random embedding; "
            "--fallback popularity gives popular items instead"
        )


def _items(found: Recommended, recommender: Recommender) -> list[dict[str, Any]]:
    names = recommender.item_names(found.items)
    return [
        {"rank": rank, "item": item, **({"name": names[rank - 1]} if names else {}), "score": score}
        for rank, (item, score) in enumerate(zip(found.items, found.scores, strict=True), start=1)
    ]


def _tables(value: Sequence[dict[str, Any]]) -> Iterator[Table | str]:
    from graphcl.report.tables import ranked_table

    how = {"model": "", "history": ", by the history", "popularity": ", by popularity"}
    for entry in value:
        title = f"user {entry['user']}{how[entry['by']]}"
        yield title if entry["items"] else f"{title}: no item is left to recommend"
        if entry["items"]:
            yield ranked_table(entry["items"])


# --- to a file ------------------------------------------------------------------------------------

#: user, rank, item, score: lists or arrays of one length, one entry per recommended item.
_Columns = tuple[Any, Any, Any, Any]


def _rows(lists: Sequence[Recommended]) -> _Columns:
    users = [found.user for found in lists for _ in found.items]
    ranks = [rank for found in lists for rank in range(1, len(found.items) + 1)]
    return users, ranks, [item for found in lists for item in found.items], [s for found in lists for s in found.scores]


def _all_blocks(
    recommender: Recommender, k: int, seen: Seen, only: dict[str, Any], output: Output
) -> Iterator[_Columns]:
    from graphcl.report.progress import counted

    total = recommender.answerable(seen).numel()
    if without := len(recommender.users) - total:
        output.say(f"{words.counted(without, 'user')} without a history to read: no list")
    blocks, nothing_left = recommender.recommend_all(k, seen=seen, **only), 0
    for block in counted(blocks, total, lambda block: len(block.users), "users", output.say):
        given = block.items >= 0
        nothing_left += int((~given.any(dim=1)).sum())
        rows, ranks = given.nonzero(as_tuple=True)
        yield (
            recommender.users.values[block.users[rows].numpy()],
            (ranks + 1).numpy(),
            recommender.items.values[block.items[given].numpy()],
            block.scores[given].numpy(),
        )
    if nothing_left:
        output.say(f"{words.counted(nothing_left, 'user')} without an item left to recommend: no list")


def _write(out: Path, recommender: Recommender, blocks: Iterator[_Columns], output: Output) -> None:
    import pyarrow as pa

    from graphcl.serve.export import writing

    fields = [("user", pa.string()), ("rank", pa.int32()), ("item", pa.string()), ("score", pa.float32())]
    names = recommender.item_names([]) is not None
    schema = pa.schema([*fields, *([("name", pa.string())] if names else [])])
    count = 0
    with writing(out, schema) as write:
        for block in blocks:
            columns = [*block, *([recommender.item_names(block[2])] if names else [])]
            table = pa.Table.from_arrays(
                [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
            )
            write(table)
            count += table.num_rows
    output.result({"out": str(out), "rows": count}, lambda: f"{count:,} rows written to {out}")
