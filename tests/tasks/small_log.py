"""A small log with a known answer, for the recommend task."""

from __future__ import annotations

import numpy as np

from graphcl.data.interactions import HeldOut, Ids, Interactions, Pairs


def pairs(rows: list[tuple[int, int]]) -> Pairs:
    """Pairs from (user, item) tuples."""
    table = np.array(rows, dtype=np.int64).reshape(-1, 2)
    return Pairs(table[:, 0].copy(), table[:, 1].copy())


def interactions(
    train: list[tuple[int, int]],
    valid: list[tuple[int, int]] = (),
    test: list[tuple[int, int]] = (),
    *,
    users: int | None = None,
    items: int | None = None,
) -> Interactions:
    """A log over users u0, u1, ... and items i0, i1, ..."""
    every = [*train, *valid, *test]
    users = users or 1 + max(u for u, _ in every)
    items = items or 1 + max(i for _, i in every)
    return Interactions(
        Ids.of([f"u{n}" for n in range(users)]),
        Ids.of([f"i{n}" for n in range(items)]),
        pairs(list(train)),
        HeldOut(pairs(list(valid)), pairs(list(test))),
    )


def two_tastes(users: int = 40, items: int = 20, seed: int = 0) -> Interactions:
    """Even users like even items, odd users odd ones: six each in train, one in validation, one in test."""
    generator = np.random.default_rng(seed)
    train, valid, test = [], [], []
    for user in range(users):
        liked = generator.permutation(np.arange(user % 2, items, 2))[:8].tolist()
        train += [(user, item) for item in liked[:6]]
        valid.append((user, liked[6]))
        test.append((user, liked[7]))
    return interactions(train, valid, test, users=users, items=items)
