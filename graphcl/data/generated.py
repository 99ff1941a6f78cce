"""A small log with a known answer, for trying things without any file."""

from __future__ import annotations

import numpy as np

from graphcl.core.seeds import derive
from graphcl.data.interactions import Ids
from graphcl.data.log import Log

NAME = "generated"


def generate_log(
    num_users: int = 200,
    num_items: int = 120,
    groups: int = 4,
    rows_per_user: int = 20,
    noise: float = 0.1,
    *,
    seed: int = 0,
) -> Log:
    """Users and items in groups: a user takes items of his own group, a popular one more often; a share is noise.

    Args:
        num_users: Users ``u0, u1, ...``; user i is in group i mod ``groups``.
        num_items: Items ``i0, i1, ...``; likewise.
        groups: How many there are; whoever recommends items of the user's own group is right.
        rows_per_user: Drawn with replacement, so that some repeat.
        noise: Share of rows whose item is any item.
        seed: Decides everything that is random.
    """
    random = np.random.default_rng(derive(seed, "generated"))
    users = np.repeat(np.arange(num_users, dtype=np.int32), rows_per_user)
    per_group = num_items // groups
    popularity = 1 / np.arange(1, per_group + 1)
    cumulative = np.cumsum(popularity / popularity.sum())
    rank = np.searchsorted(cumulative, random.random(len(users))).clip(max=per_group - 1)
    own = rank * groups + users % groups
    anything = (random.random(len(users)) * num_items).astype(np.int64)
    items = np.where(random.random(len(users)) < noise, anything, own).astype(np.int32)
    time = (random.random(len(users)) * 1e6).astype(np.int64)
    user_ids, item_ids = ([f"{kind}{i}" for i in range(n)] for kind, n in (("u", num_users), ("i", num_items)))
    return Log(users, items, Ids.of(user_ids), Ids.of(item_ids), time=time)


def generate_walks(
    num_users: int = 200,
    num_items: int = 60,
    events_per_user: int = 12,
    noise: float = 0.2,
    *,
    seed: int = 0,
) -> Log:
    """Histories that walk around a ring of items: after an item comes its successor, or with ``noise`` any item.

    Args:
        num_users: Users ``u0, u1, ...``, who start anywhere.
        num_items: Items ``i0, i1, ...``; whoever recommends the successor of the last item is right.
        events_per_user: Most events of a user; the least is a quarter of it, and all lengths occur.
        noise: Share of steps to any item.
        seed: Decides everything that is random.
    """
    random = np.random.default_rng(derive(seed, "walks"))
    jumps = random.random((num_users, events_per_user)) < noise
    anywhere = random.integers(num_items, size=(num_users, events_per_user))
    items = anywhere.copy()
    for step in range(1, events_per_user):
        items[:, step] = np.where(jumps[:, step], anywhere[:, step], (items[:, step - 1] + 1) % num_items)
    shortest = max(1, events_per_user // 4)
    lengths = shortest + np.arange(num_users) % (events_per_user - shortest + 1)
    kept = np.arange(events_per_user) < lengths[:, None]
    users, time = np.nonzero(kept)
    user_ids, item_ids = ([f"{kind}{i}" for i in range(n)] for kind, n in (("u", num_users), ("i", num_items)))
    return Log(users.astype(np.int32), items[kept].astype(np.int32), Ids.of(user_ids), Ids.of(item_ids), time=time)
