"""The record of a sequence task beside every result: the protocol in one line and in full, counts and notes."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from graphcl.core.words import counted
from graphcl.data.returns import REWARDS

if TYPE_CHECKING:
    from graphcl.tasks.sequence import Sequence


def record(task: Sequence) -> dict[str, Any]:
    """Protocol, counts, split hash and notes, as plain values."""
    data, examples, asked = task.data, task.training, task.questions
    return {
        "task": "sequence",
        "protocol": protocol_line(task),
        "ranking": task.candidates.describe(),
        "mask_history": asked.mask_history,
        "valid_in_input": asked.valid_in_input,
        "targets": asked.targets,
        "ties": "random per user and item, from the seed",
        "k": list(task.k),
        "row_layout": data.row_layout,
        "max_len": data.max_len,
        "users": len(data.users),
        "items": len(data.items),
        "examples": len(examples),
        "targets_per_epoch": examples.targets,
        "evaluated_users": {name: asked.users(name).numel() for name in ("valid", "test")},
        "unreachable": {name: asked.unreachable(name) for name in ("valid", "test")},
        "sampling": {**task.sampling, "full_users": examples.full_users},
        **({} if data.returns is None else {"returns": {**asdict(data.returns), "of_train": _ranges(task)}}),
        "split": data.report.split,
        "split_hash": data.report.split_hash,
        "baselines": {name: result.record() for name, result in task.results.items()},
        "notes": notes(task),
    }


def protocol_line(task: Sequence) -> str:
    """In one line: what must be equal before two figures are compared."""
    asked, data = task.questions, task.data
    masked = "masked" if asked.mask_history else "not masked"
    read = "train and validation" if asked.valid_in_input else "train"
    find = ", all held-out items to be found" if asked.targets == "all" else ""
    if asked.asks_once:
        find = ", of each user the first held-out item to be found (eval.targets=first)"
    ranked = task.candidates.line() or f"full ranking of {len(data.items):,} items"
    return (
        f"protocol: {data.report.split.get('by', 'a given')} split, {ranked}, "
        f"history {masked}, test reads {read}{find}; {data.row_layout} rows, max_len {data.max_len}"
    )


def notes(task: Sequence) -> list[str]:
    """What is unusual about the lists and the users."""
    found = task.ranking_notes(len(task.data.users), len(task.data.items), skipped_users=0)
    if full := task.training.full_users:
        found.append(f"{counted(full, 'user')} with every item of train: sampled negatives are items they had")
    for name, (low, high) in _ranges(task).items():
        if low == high:
            found.append(f"returns: every event of train has {low:g} of {name}; asking for another says nothing")
    for split in ("valid", "test"):
        if lost := task.questions.unreachable(split):
            found.append(
                f"{split}: {counted(lost, 'item')} to be found are in the history and masked, so that nobody can "
                "find them; eval.mask_history=false ranks them"
            )
    return found


def _ranges(task: Sequence) -> dict[str, tuple[float, float]]:
    """Reward -> least and largest return of an event of train; nothing without returns."""
    returns = task.train.returns
    if returns is None or not len(returns):
        return {}
    least, most = returns.amin(0).tolist(), returns.amax(0).tolist()
    return {name: (low, high) for name, low, high in zip(REWARDS, least, most, strict=True)}
