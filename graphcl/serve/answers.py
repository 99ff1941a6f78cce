"""What a recommender answers, and how it says what it does not know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Seen = Literal["evaluation", "all", "none"]
By = Literal["model", "history", "popularity"]
Kind = Literal["user", "item"]


@dataclass(frozen=True)
class Recommended:
    """A ranked list.

    Attributes:
        user: For whom.
        items: Ids, best first; fewer than asked for where there are no more candidates.
        scores: Of the items, by whatever ranked them.
        by: ``model``, ``history`` (a user folded in), or ``popularity`` (the fallback).
    """

    user: str
    items: list[str]
    scores: list[float]
    by: By


@dataclass(frozen=True)
class Neighbours:
    """The nearest of an item among items, or of a user among users.

    Attributes:
        kind: ``item`` or ``user``.
        id: Of whom.
        ids: Nearest first.
        cosines: Of the embeddings.
    """

    kind: Kind
    id: str
    ids: list[str]
    cosines: list[float]


def listed(unknown: Sequence[str], total: int, kind: str) -> str:
    """``user 'x' is``, or ``3 of 7 users ('x', 'y', 'z') are``."""
    first = ", ".join(repr(id) for id in unknown[:10]) + (", ..." if len(unknown) > 10 else "")
    if total == 1:
        return f"{kind} {first} is"
    return f"{len(unknown):,} of {total:,} {kind}s ({first}) {'is' if len(unknown) == 1 else 'are'}"


def unknown_users(unknown: Sequence[str], total: int) -> str:
    """What to do about users whom the run does not know."""
    return (
        f"{listed(unknown, total, 'user')} unknown to this run; recommend for a new user by what they had "
        "(--history ITEM,ITEM), or give popular items (--fallback popularity)"
    )
