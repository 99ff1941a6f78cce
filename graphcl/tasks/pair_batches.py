"""Batches of training pairs, each with sampled negatives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import torch
from torch import Tensor

from graphcl.core.seeds import generator as make_generator
from graphcl.data.interactions import Pairs
from graphcl.tasks.base import Batch
from graphcl.tasks.ranking import ItemLists
from graphcl.tasks.sampling import NegativeSampler, popularity_weights

Negatives = Literal["uniform", "popularity"]


class PairBatches:
    """Epochs over (user, item) pairs in random order, with items the user does not have as negatives.

    Pairs of users for whom no negative is left are not trained on; ``skipped_users`` counts the users.
    """

    def __init__(
        self,
        train: Pairs,
        lists: ItemLists,
        *,
        negatives: Negatives = "uniform",
        power: float = 0.75,
        per_pair: int = 1,
    ) -> None:
        """
        Args:
            train: The pairs.
            lists: The items of each user in ``train``.
            negatives: ``uniform``, or ``popularity``: in proportion to (users of the item) ** ``power``.
            power: Of ``popularity``.
            per_pair: Negatives of each pair.
        """
        self.users, self.items = torch.from_numpy(train.users), torch.from_numpy(train.items)
        self.per_pair = per_pair
        weights = None
        if negatives == "popularity":
            counts = torch.bincount(lists.items, minlength=lists.num_items)
            weights = popularity_weights(counts, power, lists.num_users)
        self.sampler = NegativeSampler(lists, weights)
        usable = self.sampler.mass > 0
        #: [n] positions in ``train`` of the pairs that can be trained on
        self.ids = usable[self.users].nonzero().squeeze(1)
        self.skipped_users = int((~usable & (lists.counts > 0)).sum())

    def count(self, batch_size: int) -> int:
        """Batches of an epoch; 0 takes all pairs at once."""
        return -(-self.ids.numel() // (batch_size or max(self.ids.numel(), 1)))

    def epoch(self, batch_size: int, *, generator: torch.Generator, start: int = 0) -> Iterator[Batch]:
        """The batches of one epoch from number ``start`` on.

        Only the seed of ``generator`` is read: order and negatives are derived from it and the number of the
        batch, so that the batches do not depend on where the epoch is entered.
        """
        seed = generator.initial_seed()
        order = self.ids[torch.randperm(self.ids.numel(), generator=make_generator(seed, "order"))]
        for number, ids in enumerate(order.split(batch_size or max(order.numel(), 1))):
            if number >= start and ids.numel():
                yield self._batch(ids, make_generator(seed, "negatives", number))

    def _batch(self, ids: Tensor, generator: torch.Generator) -> Batch:
        ids = ids.repeat_interleave(self.per_pair)
        users, positives = self.users[ids], self.items[ids]
        negatives = self.sampler.sample(users, generator=generator)
        rows: dict[str, Tensor | Mapping[str, Tensor]] = {
            "users": users,
            "items_pos": positives,
            "items_neg": negatives,
            "batch": {"user": users, "item": torch.cat([positives, negatives])},
            "positives": {"user": users, "item": positives},
            "unique": {"user": users.unique(), "item": positives.unique()},
        }
        return Batch(ids=ids, rows=rows, targets=ids.numel())
