"""What a baseline of a ranking task is, and how its settings are chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy.sparse as sp
from torch import Tensor

from graphcl.data.interactions import Pairs
from graphcl.tasks.ranking import ScoreBlock

Settings = Mapping[str, float]


class RankingBaseline(Protocol):
    """Constructor: for each setting, the values to choose from. Registered as ``baseline`` with
    ``task="recommend"``.
    """

    def refusal(self, num_users: int, num_items: int) -> str | None:
        """Why it cannot be fitted at this size, or None."""
        ...

    def fits(self, train: Pairs, num_users: int, num_items: int) -> Iterator[tuple[Settings, ScoreBlock]]:
        """Each combination of settings with the scorer fitted on ``train``, one after the other."""
        ...


@dataclass(frozen=True)
class Chosen:
    """The winner of a search.

    Attributes:
        settings: Of the winner.
        value: What the judge said of it.
        tried: Number of combinations.
    """

    settings: Settings
    value: float
    tried: int
    scorer: ScoreBlock


def choose(candidates: Iterator[tuple[Settings, ScoreBlock]], judge: Callable[[ScoreBlock], float]) -> Chosen:
    """The candidate that ``judge`` gives the largest value; the first of equals. At most two are held at once."""
    best: Chosen | None = None
    tried = 0
    for settings, scorer in candidates:
        tried += 1
        value = judge(scorer)
        if best is None or value > best.value:
            best = Chosen(settings, value, tried, scorer)
    if best is None:
        raise ValueError("a baseline without candidates")
    return Chosen(best.settings, best.value, tried, best.scorer)


def binary_matrix(train: Pairs, num_users: int, num_items: int) -> sp.csr_matrix:
    """Users x items, float32: 1 for every pair, however often it occurs and whatever it weighs."""
    matrix = Pairs(train.users, train.items).csr(num_users, num_items)
    matrix.data[:] = 1.0
    return matrix


def rows_of(matrix: sp.csr_matrix, users: Tensor) -> sp.csr_matrix:
    """The rows of some users."""
    return matrix[np.asarray(users.cpu())]
