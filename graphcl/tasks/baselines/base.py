"""What a baseline of a ranking task is, and how its settings are chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import scipy.sparse as sp
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.registry import resolve
from graphcl.data.interactions import Pairs
from graphcl.tasks.ranking import ScoreBlock
from graphcl.tasks.runs import ItemRuns

Settings = Mapping[str, float]
#: What a baseline makes of train.
Fitted = TypeVar("Fitted")


class RankingBaseline(Protocol):
    """Constructor: for each setting, the values to choose from. Registered as ``baseline`` with its ``tasks``.

    What it fits for the task `recommend` is a :data:`~graphcl.tasks.ranking.ScoreBlock`. For `sequence`, train comes
    with each user's rows in the order of time, and what is fitted may be a :class:`HistoryScorer` instead.
    """

    def refusal(self, num_users: int, num_items: int) -> str | None:
        """Why it cannot be fitted at this size, or None."""
        ...

    def fits(self, train: Pairs, num_users: int, num_items: int) -> Iterator[tuple[Settings, Any]]:
        """Each combination of settings with what was fitted on ``train``, one after the other."""
        ...


class HistoryScorer(Protocol):
    """Scores items by the history that a user has at the time of the question."""

    def given(self, histories: ItemRuns) -> ScoreBlock:
        """The scores of users with these histories."""
        ...


def score_given(fitted: ScoreBlock | HistoryScorer, histories: ItemRuns) -> ScoreBlock:
    """The scores of what was fitted, of users with these histories if it reads them."""
    return fitted if not hasattr(fitted, "given") else fitted.given(histories)


def check_task(name: str, task: str) -> None:
    """Refuse a baseline of other tasks.

    Raises:
        UserError: no such baseline, or it is not for this task.
    """
    others = resolve("baseline", name).meta.get("tasks", ())
    if task not in others:
        known = " and ".join(repr(other) for other in others)
        raise UserError(f"eval.baselines: {name!r} is a baseline of the task {known}, not of {task!r}")


@dataclass(frozen=True)
class Chosen(Generic[Fitted]):
    """The winner of a search.

    Attributes:
        settings: Of the winner.
        value: What the judge said of it.
        tried: Number of combinations.
        fitted: With these settings.
    """

    settings: Settings
    value: float
    tried: int
    fitted: Fitted


def choose(candidates: Iterator[tuple[Settings, Fitted]], judge: Callable[[Fitted], float]) -> Chosen[Fitted]:
    """The candidate that ``judge`` gives the largest value; the first of equals. At most two are held at once."""
    best: Chosen[Fitted] | None = None
    tried = 0
    for settings, fitted in candidates:
        tried += 1
        value = judge(fitted)
        if best is None or value > best.value:
            best = Chosen(settings, value, tried, fitted)
    if best is None:
        raise ValueError("a baseline without candidates")
    return Chosen(best.settings, best.value, tried, best.fitted)


def binary_matrix(train: Pairs, num_users: int, num_items: int) -> sp.csr_matrix:
    """Users x items, float32: 1 for every pair, however often it occurs and whatever it weighs."""
    matrix = Pairs(train.users, train.items).csr(num_users, num_items)
    matrix.data[:] = 1.0
    return matrix


def rows_of(matrix: sp.csr_matrix, users: Tensor) -> sp.csr_matrix:
    """The rows of some users."""
    return matrix[np.asarray(users.cpu())]
