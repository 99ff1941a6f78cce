"""From a filtered log to :class:`Interactions`: parts, leaks, cold ids, the split's hash."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from graphcl.core.errors import UserError
from graphcl.core.words import counted
from graphcl.data.interactions import HeldOut, Ids, Interactions, Pairs
from graphcl.data.keys import contains, distinct, first_rows
from graphcl.data.log import TEST, TRAIN, VALID, Log
from graphcl.data.report import DataReport
from graphcl.data.splits import Split, assign_parts


def build_interactions(
    log: Log, split: Split, *, seed: int, report: DataReport, item_names: np.ndarray | None = None
) -> Interactions:
    """Split a log so that no pair is in two parts, and say what that cost.

    A pair that is also in train is removed from what is held out; one in both validation and test stays in test.
    Held-out users and items that train has never seen stay, and are counted.

    Args:
        log: Compact, filtered.
        split: The protocol.
        seed: Of the run.
        report: Gets the protocol, sizes, leaks, cold rows and the hash.
        item_names: [items] names or None.

    Raises:
        UserError: fewer than two users or items, or a part without rows.
    """
    refuse_few(log, report)
    parts = assign_parts(log, split, seed)
    keys = log.keys()
    train = np.flatnonzero(parts.part == TRAIN)
    test, leaked_test = _without(_once(keys, np.flatnonzero(parts.part == TEST)), keys, [train])
    valid, leaked_valid = _without(_once(keys, np.flatnonzero(parts.part == VALID)), keys, [train, test])
    pairs = log.pairs()
    held_out = HeldOut(pairs.take(valid), pairs.take(test))
    result = Interactions(log.user_ids, log.item_ids, pairs.take(train), held_out, item_names, report)
    source = "refit" if split.valid == "refit" else parts.valid
    report.split = {
        **parts.facts,
        "valid": source,
        "seed": seed,
        "leaked": {"valid": leaked_valid, "test": leaked_test},
    }
    _report_leaks(report)
    count_parts(result)
    _report_cold(report)
    note_valid(result, parts.valid)
    refuse_empty(result, split, parts.valid)
    report.split_hash = split_hash(result)
    return result


def refuse_few(log: Log, report: DataReport) -> None:
    """Refuse a log of fewer than two users or items."""
    counts = log.counts()
    if counts.users < 2 or counts.items < 2:
        raise UserError(f"{report.source}: {counts}: too few; at least two users and two items are needed")


def _once(keys: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The first row of each pair."""
    return rows[first_rows(keys[rows])]


def _without(rows: np.ndarray, keys: np.ndarray, others: list[np.ndarray]) -> tuple[np.ndarray, int]:
    """The rows whose pair is in none of the others, and how many were left out."""
    leaked = contains(np.concatenate([keys[other] for other in others]), keys[rows])
    return rows[~leaked], int(leaked.sum())


def count_parts(data: Interactions) -> None:
    """The rows of each part, and those with a user or item that train has never seen, into ``report.split``."""
    report, held_out = data.report, data.held_out
    parts = {"train": data.train, "valid": held_out.valid, "test": held_out.test}
    report.split["sizes"] = {name: len(pairs) for name, pairs in parts.items()}
    report.split["cold"] = {}
    for name, pairs in (("valid", held_out.valid), ("test", held_out.test)):
        users, items = data.cold_users[pairs.users], data.cold_items[pairs.items]
        report.split["cold"][name] = {
            "rows": int((users | items).sum()),
            "users": len(distinct(pairs.users[users])),
            "items": len(distinct(pairs.items[items])),
        }


def _report_leaks(report: DataReport) -> None:
    for name, other in (("valid", "train or test"), ("test", "train")):
        leaked = report.split["leaked"][name]
        if leaked:
            report.note(f"{name}: {counted(leaked, 'row')} with a pair of {other}, removed from {name}")


def _report_cold(report: DataReport) -> None:
    for name, cold in report.split["cold"].items():
        if cold["rows"]:
            report.note(
                f"{name}: {counted(cold['rows'], 'row')} with a user ({cold['users']:,}) or item ({cold['items']:,}) "
                "that train has never seen, which stay in the denominator of recall"
            )


def note_valid(data: Interactions, valid: str) -> None:
    """Say where validation comes from (``valid`` of :class:`~graphcl.data.splits.Parts`)."""
    report = data.report
    if valid == "carve":
        report.note(f"no validation was given: carved {counted(len(data.held_out.valid), 'pair')} out of train")
    if report.split["valid"] == "refit":
        report.note("after choosing on validation, the model is trained once more on train and validation together")
    if valid == "none":
        report.note("there is no validation: nothing may be chosen")


def refuse_empty(data: Interactions, split: Split, valid: str) -> None:
    """Refuse a split that leaves a part without rows."""
    report = data.report
    parts = {"train": data.train, "test": data.held_out.test}
    if valid != "none":
        parts["valid"] = data.held_out.valid
    empty = [name for name, pairs in parts.items() if len(pairs) == 0]
    if empty:
        sizes = ", ".join(f"{name} {size:,}" for name, size in report.split["sizes"].items())
        rounded = split.per_user and split.by in ("random", "given")
        hint = "; one row of each user stays in train, so try data.split.per_user=false" if rounded else ""
        raise UserError(
            f"{report.source}: the {split.by} split leaves nothing for {' and '.join(empty)} ({sizes}){hint}"
        )


def split_hash(data: Interactions, *, in_order: bool = False) -> str:
    """SHA-256 of the pairs of ids in train, validation and test: the same for any order of rows or ids.

    With ``in_order`` the order of each user's rows counts, and that of users does not.
    """
    digest = hashlib.sha256()
    user_rank, item_rank = _ranks(data.users), _ranks(data.items)
    for pairs in (data.train, data.held_out.valid, data.held_out.test):
        digest.update(_hash_pairs(pairs, data, user_rank, item_rank, in_order))
    return digest.hexdigest()


def _ranks(ids: Ids) -> np.ndarray:
    """Place of each id in the sorted order."""
    ranks = np.empty(len(ids), dtype=np.int64)
    ranks[np.argsort(ids.values.astype(object), kind="stable")] = np.arange(len(ids))
    return ranks


def _hash_pairs(
    pairs: Pairs, data: Interactions, user_rank: np.ndarray, item_rank: np.ndarray, in_order: bool
) -> bytes:
    """Digest of the ids that occur (sorted) and of the pairs of their places, sorted or in order within each user."""
    digest = hashlib.sha256()
    users = _places(pairs.users, data.users, user_rank, digest)
    items = _places(pairs.items, data.items, item_rank, digest)
    keys = users * (items.max(initial=0) + 1) + items
    ordered = keys[np.argsort(users, kind="stable")] if in_order else np.sort(keys)
    digest.update(ordered.astype("<i8").tobytes())
    return digest.digest()


def _places(codes: np.ndarray, ids: Ids, ranks: np.ndarray, digest: hashlib._Hash) -> np.ndarray:
    """Place of every code's id among the sorted ids that occur, which the digest takes in."""
    used = np.zeros(len(ids), dtype=bool)
    used[ranks[codes]] = True
    by_rank = np.empty(len(ids), dtype=object)
    by_rank[ranks] = ids.values
    digest.update(json.dumps(by_rank[used].tolist()).encode())
    return (np.cumsum(used) - 1)[ranks[codes]]
