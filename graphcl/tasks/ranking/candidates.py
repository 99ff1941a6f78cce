"""Candidates that are sampled for each user, in the place of the whole catalogue: on request only, and marked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.tasks.ranking.lists import ItemLists

SampledBy = Literal["uniform", "popularity"]

#: What must be said wherever such a metric stands.
WARNING = "sampled metrics: not comparable with full ranking (Krichene & Rendle, KDD 2020)"

#: Users who share a source of draws: a constant, so that what is drawn depends on the seed alone.
_BLOCK = 256


def sample_candidates(
    positives: ItemLists, had: ItemLists, count: int, *, weights: Tensor | None = None, seed: int
) -> ItemLists:
    """What is ranked for each user who has something to find: that, and ``count`` different items he never had.

    Args:
        positives: The items to be found.
        had: Items that are never drawn for a user, beside his positives.
        count: Items drawn for each user; fewer where fewer are left.
        weights: [I], how likely each is to be drawn first, in proportion; 0 is never drawn. None draws all alike.
        seed: Of the evaluation.

    Returns:
        The candidates of each user; none of users without positives.
    """
    taken, pairs = had.union(positives), [torch.stack([positives.users, positives.items])]
    for number, users in enumerate(positives.counts.nonzero().squeeze(1).split(_BLOCK)):
        draws = torch.rand(users.numel(), taken.num_items, generator=generator(seed, "candidates", number))
        # The order of exponential draws divided by weights is that of draws without replacement (Efraimidis and
        # Spirakis, 2006); of equal weights it is that of the draws themselves.
        times = draws if weights is None else (-torch.log1p(-draws) / weights).masked_fill_(weights <= 0, torch.inf)
        rows, items = taken.gather(users)
        times.view(-1).index_fill_(0, rows * taken.num_items + items, torch.inf)
        first, drawn = times.topk(min(count, taken.num_items), largest=False)
        row, column = first.isfinite().nonzero(as_tuple=True)
        pairs.append(torch.stack([users[row], drawn[row, column]]))
    users, items = torch.cat(pairs, dim=1)
    return ItemLists.from_pairs(users, items, positives.num_users, positives.num_items)


class Candidates:
    """What the rankings of a task are among: the whole catalogue, unless ``count`` is given.

    Attributes:
        count: Items drawn for each user; 0 ranks all.
        by: Whether items are drawn alike, or in proportion to how often train has them.
    """

    def __init__(self, count: int, by: SampledBy, *, num_items: int) -> None:
        """
        Args:
            count: Items drawn for each user.
            by: How they are drawn.
            num_items: Of the catalogue.

        Raises:
            UserError: as many are asked for as there are, which is full ranking under another name.
        """
        if count >= num_items:
            raise UserError(f"eval.sampled={count:,}, and there are {num_items:,} items; 0 ranks all of them")
        self.count, self.by = count, by
        self._kept: dict[tuple[str, int], ItemLists] = {}

    def of(
        self,
        split: str,
        positives: ItemLists,
        had: Callable[[], ItemLists],
        popularity: Callable[[], Tensor],
        *,
        seed: int,
    ) -> ItemLists | None:
        """The candidates of a split, drawn once; None for the whole catalogue.

        Args:
            split: Its name.
            positives: What is to be found in it.
            had: Gives what each user had before.
            popularity: Gives [I], how often train has each item.
            seed: Of the evaluation.
        """
        if not self.count:
            return None
        if (split, seed) not in self._kept:
            weights = popularity().float() if self.by == "popularity" else None
            self._kept[split, seed] = sample_candidates(positives, had(), self.count, weights=weights, seed=seed)
        return self._kept[split, seed]

    def describe(self) -> str:
        """What is ranked, for the record."""
        if not self.count:
            return "full: every item of the catalogue is a candidate"
        return f"sampled: what is to be found beside {self.line()}"

    def line(self) -> str:
        """The same in a few words, with what must be said of it; of the whole catalogue, nothing."""
        return f"{self.count:,} {self.by} negatives a user; {WARNING}" if self.count else ""
