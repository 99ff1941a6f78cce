"""Popularity: the same items for everyone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from graphcl.core.registry import register
from graphcl.data.interactions import Pairs
from graphcl.tasks.baselines.base import Settings, binary_matrix
from graphcl.tasks.ranking import ScoreBlock


@register("baseline", "popularity", example={}, tasks=("recommend", "sequence"))
class Popularity:
    """Score of an item = how many users have it in train. Nothing to choose."""

    def refusal(self, num_users: int, num_items: int) -> str | None:
        """Never refuses."""
        return None

    def fits(self, train: Pairs, num_users: int, num_items: int) -> Iterator[tuple[Settings, ScoreBlock]]:
        """The one scorer."""
        users = np.asarray(binary_matrix(train, num_users, num_items).sum(axis=0)).ravel()
        counts = torch.from_numpy(users.astype(np.float32))

        def score_block(users: Tensor) -> Tensor:
            return counts.expand(users.numel(), -1).clone()

        yield {}, score_block
