"""Histories in memory: what each user did, in order and with repeats, split so that what is later is held out."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from graphcl.core.errors import UserError
from graphcl.core.words import counted
from graphcl.data.build import count_parts, note_valid, refuse_empty, refuse_few, split_hash
from graphcl.data.interactions import HeldOut, Ids, Interactions, Pairs
from graphcl.data.keys import contains, distinct, first_rows
from graphcl.data.log import TEST, TRAIN, VALID, Log
from graphcl.data.report import DataReport
from graphcl.data.returns import Returns
from graphcl.data.splits import Split, assign_parts

RowLayout = Literal["packed", "prefix", "whole"]


@dataclass(frozen=True, eq=False)
class Histories(Interactions):
    """A log of which the order counts.

    In every part, a user's rows are in the order of time, and none of them is later than any of the next part.
    A pair may occur several times, in held-out parts too. Items that train has come first in ``items``, in the order
    in which they appear there, so that no position says anything about what is held out.

    Attributes:
        max_len: Most items that a model reads of a history, the last ones.
        row_layout: ``packed``: a history is one example and predicts at all of its items; ``prefix``: an example for
            every item that has one before it, which predicts that item; ``whole``: a history is one example that is
            read to its end, and what is to be found in it is hidden by an augmenter.
        returns: How the two rewards of each event are derived from its rating and time, or None.
    """

    max_len: int = 50
    row_layout: RowLayout = "packed"
    returns: Returns | None = None

    def __post_init__(self) -> None:
        if isinstance(self.returns, dict):  # from the settings of a stored run
            object.__setattr__(self, "returns", Returns(**self.returns))

    def settings(self) -> dict[str, Any]:
        """``max_len``, ``row_layout``, and ``returns`` where there are some."""
        returns = {} if self.returns is None else {"returns": asdict(self.returns)}
        return {"max_len": self.max_len, "row_layout": self.row_layout, **returns}


def build_histories(
    log: Log,
    split: Split,
    *,
    seed: int,
    report: DataReport,
    item_names: np.ndarray | None = None,
    max_len: int = 50,
    row_layout: RowLayout = "packed",
    returns: Returns | None = None,
) -> Histories:
    """Order a log, split it, and say what that means for its users.

    Events of equal time stay in the order of the log; without times, that is the order.

    Args:
        log: Compact, filtered.
        split: The protocol, of those that hold out what is later.
        seed: Of the run.
        report: Gets the protocol, sizes, the users without anything to learn from, repeated targets, and the hash.
        item_names: [items] names or None.
        max_len: See :class:`Histories`.
        row_layout: See :class:`Histories`.
        returns: See :class:`Histories`; needs ratings and times.

    Raises:
        UserError: fewer than two users or items, a part without rows, or returns of a log without ratings or times.
    """
    if returns is not None and (log.rating is None or log.time is None):
        raise UserError("data.returns needs a rating and a time of every event: data.rating and data.time name their "
                        "columns")  # fmt: skip
    refuse_few(log, report)
    log = _ordered(log)
    timed = log if log.time is not None else Log(log.users, log.items, log.user_ids, log.item_ids,
                                                 time=np.arange(len(log)), part=log.part)  # fmt: skip
    parts = assign_parts(timed, split, seed, in_order=True)
    log, names = _trained_items_first(log, parts.part == TRAIN, item_names)
    pairs = log.pairs() if returns is None else replace(log.pairs(), rating=log.rating)
    train, valid, test = (pairs.take(np.flatnonzero(parts.part == part)) for part in (TRAIN, VALID, TEST))
    result = Histories(
        log.user_ids, log.item_ids, train, HeldOut(valid, test), names, report, max_len=max_len, row_layout=row_layout,
        returns=returns,
    )  # fmt: skip
    source = "refit" if split.valid == "refit" else parts.valid
    report.split = {**parts.facts, "valid": source, "seed": seed}
    count_parts(result)
    _report_lengths(result)
    _report_targets(result)
    note_valid(result, parts.valid)
    refuse_empty(result, split, parts.valid)
    report.split_hash = split_hash(result, in_order=True)
    return result


def _ordered(log: Log) -> Log:
    """By user, then by part where the files give it, then by time; the rest stays in the order of the log."""
    keys = [key for key in (log.time, log.part, log.users) if key is not None]
    return log.take(np.lexsort(keys))


def _trained_items_first(log: Log, train: np.ndarray, names: np.ndarray | None) -> tuple[Log, np.ndarray | None]:
    """The log with its items numbered anew, and their names."""
    seen = log.items[train]
    seen = seen[first_rows(seen)]
    rest = np.ones(len(log.item_ids), dtype=bool)
    rest[seen] = False
    order = np.concatenate([seen, np.flatnonzero(rest)])
    place = np.empty(len(order), dtype=log.items.dtype)
    place[order] = np.arange(len(order))
    moved = Log(log.users, place[log.items], log.user_ids, Ids(log.item_ids.values[order]), log.rating, log.weight,
                log.time, log.part)  # fmt: skip
    return moved, None if names is None else names[order]


def _report_lengths(data: Histories) -> None:
    """Histories too short to learn from, and those too long to be read whole."""
    report, lengths = data.report, np.bincount(data.train.users, minlength=len(data.users))
    report.split["without_target"] = short = int((lengths == 1).sum())
    if short:
        report.note(
            f"{counted(short, 'user')} with a single item in train: nothing follows it, so they are not trained on, "
            "and count for popularity only"
        )
    whole = data.row_layout == "whole"
    over = lengths - data.max_len - (0 if whole else 1)
    report.split["cut"] = cut = int((over > 0).sum())
    if cut:
        unused = f", and {counted(int(over[over > 0].sum()), 'item')} are not predicted"
        report.note(
            f"{counted(cut, 'user')} with more than max_len={data.max_len} items "
            f"{'in train' if whole else 'before the last one of train'}: a model "
            f"reads the last {data.max_len}{'' if data.row_layout == 'prefix' else unused}"
        )


def _report_targets(data: Histories) -> None:
    """What is held out: items that train has not, items that the user had before, users without a history."""
    report, before = data.report, data.train
    report.split["repeated"], report.split["without_history"] = {}, {}
    for name, part in (("valid", data.held_out.valid), ("test", data.held_out.test)):
        items = int(data.cold_items[part.items].sum())
        if items:
            report.note(
                f"{name}: {counted(items, 'item')} of {len(part):,} that train has never seen, kept in the denominator"
            )
        repeated = int(contains(_keys(before, data), _keys(part, data)).sum())
        report.split["repeated"][name] = repeated
        if repeated:
            share = f"{repeated / len(part):.2%}"
            report.note(f"{name}: {repeated:,} of {counted(len(part), 'item')} ({share}) are in the user's own history")
        new = len(distinct(part.users[~contains(before.users, part.users)])) if len(part) else 0
        report.split["without_history"][name] = new
        if new:
            report.note(f"{name}: {counted(new, 'user')} without a history before it, who cannot be asked about")
        before = before.join(part)


def _keys(pairs: Pairs, data: Histories) -> np.ndarray:
    return pairs.users * len(data.items) + pairs.items
