"""Repeat what was last: a user's own items, newest first."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from graphcl.core.registry import register
from graphcl.data.interactions import Pairs
from graphcl.tasks.baselines.base import Settings
from graphcl.tasks.ranking import ScoreBlock
from graphcl.tasks.runs import ItemRuns


@register("baseline", "repeat_last", example={}, tasks=("sequence",))
class RepeatLast:
    """The different items of a user's history, newest first, and no other item. Nothing to choose.

    It is strong where users come back to items. Where histories are masked it has nothing to give.
    """

    def refusal(self, num_users: int, num_items: int) -> str | None:
        """Never refuses."""
        return None

    def fits(self, train: Pairs, num_users: int, num_items: int) -> Iterator[tuple[Settings, RepeatLast]]:
        """Itself: train teaches it nothing."""
        yield {}, self

    def given(self, histories: ItemRuns) -> ScoreBlock:
        """Score of an item = minus its age, counted back from the end of the history; all others are no candidates."""

        def score_block(users: Tensor) -> Tensor:
            rows, items, age = histories.events(users)
            scores = torch.full((users.numel() * histories.num_items,), -torch.inf)
            scores.scatter_reduce_(0, rows * histories.num_items + items, -age.float(), "amax")
            return scores.view(users.numel(), -1)

        return score_block
