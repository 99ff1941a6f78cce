"""Filters of a log, each of which says what it left: ratings, repeats, k-core."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np

from graphcl.core.errors import UserError
from graphcl.core.words import counted
from graphcl.data.keys import distinct
from graphcl.data.log import Log
from graphcl.data.report import DataReport, Step

Repeats = Literal["keep", "last", "sum"]


def apply_filter(log: Log, name: str, advice: str, filter: Callable[[Log], Log], report: DataReport) -> Log:
    """Run one filter and record the counts before and after it.

    Raises:
        UserError: nothing is left; names the filter, both counts, ``advice`` and what earlier filters had removed.
    """
    step = Step(name, log.counts(), (after := filter(log)).counts())
    if len(after) == 0:
        earlier = [f"data.{s.name} left {s.after.rows:,} of {counted(s.before.rows, 'row')}" for s in report.steps
                   if s.after.rows < s.before.rows]  # fmt: skip
        told = f" (before it, {' and '.join(earlier)})" if earlier else ""
        raise UserError(f"data.{name} leaves nothing: {step.before} -> 0 rows; {advice}{told}")
    report.steps.append(step)
    return after


def keep_ratings(log: Log, minimum: float) -> Log:
    """Rows rated ``minimum`` or better."""
    assert log.rating is not None
    return log.take(log.rating >= np.float32(minimum))


def merge_repeats(log: Log, how: Repeats) -> Log:
    """One row for each (user, item) within a part of a given split: the last by time, else by place in the file.

    Args:
        log: Any log.
        how: ``keep`` changes nothing; ``last`` keeps the last row; ``sum`` gives that row the sum of the
            weights, or the number of repeats where there is no weight.
    """
    if how == "keep":
        return log
    keys = log.keys() if log.part is None else log.keys() * 3 + log.part
    order = np.argsort(keys, kind="stable") if log.time is None else np.lexsort((log.time, keys))
    keys = keys[order]
    is_last = np.ones(len(keys), dtype=bool)
    is_last[:-1] = keys[1:] != keys[:-1]
    kept = order[is_last]
    rows = np.argsort(kept)  # back into the order of the file
    merged = log.take(kept[rows])
    if how == "last":
        return merged
    ends = np.flatnonzero(is_last)
    lengths = np.diff(ends, prepend=-1)
    if log.weight is None:
        sums = lengths.astype(np.float32)
    else:
        sums = np.add.reduceat(log.weight[order].astype(np.float64), ends - lengths + 1).astype(np.float32)
    return replace(merged, weight=sums[rows])


def k_core(log: Log, user: int, item: int) -> tuple[Log, int]:
    """Rows whose user has at least ``user`` different items and whose item at least ``item`` different users.

    Both conditions hold at once in the result: they are applied in turn until nothing changes.

    Returns:
        The log, and the number of rounds that removed something.
    """
    pairs = distinct(log.keys())
    users, items = np.divmod(pairs, max(len(log.item_ids), 1))
    rounds = 0
    while True:
        enough_user = np.bincount(users, minlength=len(log.user_ids)) >= user
        enough_item = np.bincount(items, minlength=len(log.item_ids)) >= item
        alive = enough_user[users] & enough_item[items]
        if alive.all():
            break
        users, items, rounds = users[alive], items[alive], rounds + 1
    return log.take(enough_user[log.users] & enough_item[log.items]), rounds
