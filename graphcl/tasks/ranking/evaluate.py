"""Full-ranking evaluation: every item of the catalogue is a candidate, unless a list of candidates is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.tasks.ranking.lists import ItemLists
from graphcl.tasks.ranking.metrics import coverage, ranking_metrics
from graphcl.tasks.ranking.scorers import ScoreBlock
from graphcl.tasks.ranking.topk import BLOCK_BYTES, iter_top_k


@dataclass(frozen=True)
class Ranking:
    """Ranked lists of all users who have something to find, and which of the items are hits.

    Attributes:
        users: [n] positions of the users evaluated.
        items: [n, min(max K, I)] recommended positions, best first; -1 is no item.
        hits: [n, min(max K, I)] bool.
        positives: What there is to find.
        ks: Cut-offs.
    """

    users: Tensor
    items: Tensor
    hits: Tensor
    positives: ItemLists
    ks: tuple[int, ...]

    @property
    def skipped(self) -> int:
        """Users without anything to find, who are in no mean."""
        return self.positives.num_users - self.users.numel()

    def per_user(self) -> dict[str, Tensor]:
        """Name -> [n] float64 in the order of ``users``: what paired tests compare."""
        return ranking_metrics(self.hits, self.positives.counts.index_select(0, self.users), self.ks)

    def metrics(self) -> dict[str, float]:
        """Means over users, and coverage: name (``recall@20``) -> value in [0, 1]."""
        means = {name: values.mean().item() for name, values in self.per_user().items()}
        return means | coverage(self.items, self.positives.num_items, self.ks)


def rank_users(
    score_block: ScoreBlock,
    positives: ItemLists,
    ks: Sequence[int],
    *,
    seen: ItemLists | None = None,
    only: ItemLists | None = None,
    seed: int = 0,
    block_bytes: int = BLOCK_BYTES,
) -> Ranking:
    """Rank the whole catalogue for every user who has positives, and mark the hits.

    Args:
        score_block: users [b] -> scores [b, I].
        positives: The items to be found.
        ks: Cut-offs.
        seen: Items left out of each user's ranking. A positive among them cannot be found and stays in
            the denominators.
        only: Candidates of each user (:func:`~graphcl.tasks.ranking.sample_candidates`); None ranks all items.
        seed: Of the order of ties.
        block_bytes: Budget of a block of scores; the result does not depend on it.

    Raises:
        UserError: no user has positives.
        NonFiniteError: a score is NaN or +inf.
    """
    users = positives.counts.nonzero().squeeze(1)
    if not users.numel():
        raise UserError("nothing to evaluate: no user has an item in this split")
    blocks = iter_top_k(
        score_block,
        users,
        max(ks),
        num_items=positives.num_items,
        seen=seen,
        only=only,
        seed=seed,
        block_bytes=block_bytes,
    )
    items = torch.cat([block.items for block in blocks])
    return Ranking(users, items, positives.contains(users, items), positives, tuple(ks))
