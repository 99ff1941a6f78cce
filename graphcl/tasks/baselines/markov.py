"""A Markov rule from counts alone: what follows the user's last items."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcl.core.options import Count, Share
from graphcl.core.registry import register
from graphcl.data.interactions import Pairs
from graphcl.tasks.baselines.base import Settings
from graphcl.tasks.ranking import ScoreBlock
from graphcl.tasks.runs import ItemRuns


@register("baseline", "markov", example={"window": [3], "decay": [0.7]}, tasks=("sequence",))
class Markov:
    """``score(u, j)`` = sum over the items i of u's history of ``decay^age(i) * P(i, j)``.

    ``P(i, j)`` is the share of j in what follows i within ``window`` steps in train, where a follower d steps later
    counts ``2^(1 - d)``. The age of the last item is 0.
    """

    def __init__(self, window: tuple[Count, ...] = (3, 1), decay: tuple[Share, ...] = (0.7, 0.5, 0.3)) -> None:
        """
        Args:
            window: Numbers of steps to choose from; 1 counts pairs of neighbours.
            decay: Factors per step back in the history to choose from.
        """
        self.window, self.decay = window, decay

    def refusal(self, num_users: int, num_items: int) -> str | None:
        """Never refuses: memory follows the pairs that occur."""
        return None

    def fits(self, train: Pairs, num_users: int, num_items: int) -> Iterator[tuple[Settings, Transitions]]:
        """Every decay for every window; what follows is counted once per window."""
        runs = ItemRuns.from_pairs(train, num_users, num_items)
        for window in self.window:
            follows = count_transitions(runs, window)
            for decay in self.decay:
                yield {"window": window, "decay": decay}, Transitions(follows, decay)


def count_transitions(runs: ItemRuns, window: int) -> sp.csr_matrix:
    """[I, I] share of each follower in what follows an item within ``window`` steps; rows sum to 1, or 0.

    Args:
        runs: Histories.
        window: Steps ahead; a follower d steps later counts ``2^(1 - d)``.
    """
    users, items = runs.users.numpy(), runs.items.numpy()
    shape = (runs.num_items, runs.num_items)
    counts = sp.csr_matrix(shape)
    for step in range(1, window + 1):
        same = users[step:] == users[:-step]
        pairs = items[:-step][same], items[step:][same]
        counts = counts + sp.csr_matrix((np.full(len(pairs[0]), 0.5 ** (step - 1)), pairs), shape=shape)
    mass = np.asarray(counts.sum(axis=1)).ravel()
    return sp.diags(1 / np.maximum(mass, 1e-12)) @ counts


class Transitions:
    """A fitted rule: scores of any histories."""

    def __init__(self, follows: sp.csr_matrix, decay: float) -> None:
        """
        Args:
            follows: As of :func:`count_transitions`.
            decay: Factor per step back in the history.
        """
        self.follows, self.decay = follows, decay

    def given(self, histories: ItemRuns) -> ScoreBlock:
        """The scores of users with these histories."""

        def score_block(users: Tensor) -> Tensor:
            rows, items, age = (column.numpy() for column in histories.events(users))
            shape = (users.numel(), histories.num_items)
            recent = sp.csr_matrix((self.decay**age, (rows, items)), shape=shape)
            return torch.from_numpy((recent @ self.follows).toarray().astype(np.float32))

        return score_block
