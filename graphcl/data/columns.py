"""Which column of the file plays which role: what the user named, else the one that can be meant."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from graphcl.core.errors import UserError, nearest
from graphcl.data.readers.base import Table

#: Role -> usual names, compared in lower case without punctuation.
USUAL: Mapping[str, tuple[str, ...]] = {
    "user": ("userid", "user", "uid", "customerid", "customer", "visitorid", "visitor", "memberid", "accountid",
             "reviewerid", "profileid"),
    "item": ("itemid", "item", "iid", "productid", "product", "movieid", "movie", "articleid", "article", "sku",
             "asin", "bookid", "book", "isbn", "trackid", "songid", "artistid", "businessid", "videoid", "newsid",
             "contentid", "venueid", "locationid"),
    "time": ("timestamp", "time", "ts", "datetime", "date", "eventtime", "createdat", "unixreviewtime"),
    "rating": ("rating", "stars", "score", "overall"),
}  # fmt: skip


def choose_columns(
    table: Table, named: Mapping[str, str], needed: Sequence[str], wanted: Sequence[str] = ()
) -> tuple[dict[str, str], list[str]]:
    """Role -> column, and a sentence for each role that was not named.

    Args:
        table: The opened file.
        named: Role -> column, as configured; "" where the user named none.
        needed: Roles that must be found even if unnamed.
        wanted: Roles that are left out where no column could play them.

    Raises:
        UserError: a named column that the file lacks (with the nearest), a needed role that no column could play,
            a needed or wanted one that several could, or one column in two roles.
    """
    chosen: dict[str, str] = {}
    notes: list[str] = []
    for role in dict.fromkeys([*needed, *wanted, *named]):
        column = named.get(role, "")
        if column:
            chosen[role] = _named_column(table, role, column)
        elif role in needed or role in wanted:
            found, note = _guess(table, role, [c for c in named.values() if c], must=role in needed)
            chosen |= {role: found} if found else {}
            notes += note
    _refuse_shared(table, chosen)
    return chosen, notes


def _named_column(table: Table, role: str, column: str) -> str:
    if column in table.columns:
        return column
    match = nearest(column, table.columns)
    hint = f"nearest: {match!r}; set data.{role}={match}" if match else f"it has {_listed(table)}"
    raise UserError(f"{table.path} has no column {column!r}; {hint}")


def _guess(table: Table, role: str, taken: Sequence[str], *, must: bool) -> tuple[str, list[str]]:
    """The one column with a usual name and a note of it; "" where there is none and it need not be."""
    if role in table.roles:
        return table.roles[role], []
    usual = USUAL.get(role, ())
    fits = [column for column in table.columns if _plain(column) in usual and column not in taken]
    if len(fits) == 1:
        return fits[0], [f"column {fits[0]!r} is taken as the {role}; data.{role} names another"]
    if fits:
        both = " and ".join(repr(column) for column in fits)
        raise UserError(f"{table.path} has {both}: say which is the {role} with data.{role}={fits[0]}")
    if not must:
        return "", []
    raise UserError(
        f"{table.path} has no column that is clearly the {role}; set data.{role} to one of {_listed(table)}"
    )


def _refuse_shared(table: Table, chosen: Mapping[str, str]) -> None:
    roles: dict[str, list[str]] = {}
    for role, column in chosen.items():
        roles.setdefault(column, []).append(role)
    for column, several in roles.items():
        if len(several) > 1 and set(several) != {"rating", "weight"}:
            both = " and ".join(f"data.{role}" for role in several)
            raise UserError(f"{table.path}: column {column!r} is named by {both}")


def _plain(column: str) -> str:
    return re.sub(r"[^a-z0-9]", "", column.lower())


def _listed(table: Table) -> str:
    shown = table.columns[:20]
    return ", ".join(shown) + (", ..." if len(table.columns) > len(shown) else "")
