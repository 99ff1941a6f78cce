"""Small logs, and what is in loaded ones."""

from __future__ import annotations

from collections.abc import Callable

from graphcl.data.interactions import Interactions, Pairs

#: The fixture ``load``.
Load = Callable[..., Interactions]


def every_pair(data: Interactions) -> set[tuple[str, str]]:
    """(user id, item id) of all three parts."""
    parts = (data.train, data.held_out.valid, data.held_out.test)
    return {pair for pairs in parts for pair in id_pairs(data, pairs)}


def id_pairs(data: Interactions, pairs: Pairs) -> list[tuple[str, str]]:
    """Pairs of ids, in order."""
    return list(zip(data.users.values[pairs.users], data.items.values[pairs.items], strict=True))


def grid(users: int = 6, items: int = 10, header: str = "user_id,item_id") -> str:
    """A csv in which every user has every item."""
    return "\n".join([header, *(f"u{u},i{i}" for u in range(users) for i in range(items))]) + "\n"
