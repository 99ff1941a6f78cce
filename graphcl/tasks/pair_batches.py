"""Batches of training pairs, each with sampled negatives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
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

    With ``per_user`` an epoch goes over users instead: a batch is so many users, each with up to ``per_user`` of
    their pairs, drawn anew in each epoch.

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
        per_user: int = 0,
    ) -> None:
        """
        Args:
            train: The pairs.
            lists: The items of each user in ``train``.
            negatives: ``uniform``, or ``popularity``: in proportion to (users of the item) ** ``power``.
            power: Of ``popularity``.
            per_pair: Negatives of each pair.
            per_user: Most pairs of a user in a batch of users; 0 makes batches of pairs.
        """
        self.users, self.items = torch.from_numpy(train.users), torch.from_numpy(train.items)
        self.per_pair, self.per_user = per_pair, per_user
        weights = None
        if negatives == "popularity":
            counts = torch.bincount(lists.items, minlength=lists.num_items)
            weights = popularity_weights(counts, power, lists.num_users)
        self.sampler = NegativeSampler(lists, weights)
        usable = self.sampler.mass > 0
        #: [n] positions in ``train`` of the pairs that can be trained on
        self.ids = usable[self.users].nonzero().squeeze(1)
        self.skipped_users = int((~usable & (lists.counts > 0)).sum())
        #: [n] what an epoch goes over: pairs, or users who have pairs to train on
        self.units = self.users[self.ids].unique() if per_user else self.ids

    def count(self, batch_size: int) -> int:
        """Batches of an epoch; 0 takes all pairs (or users) at once."""
        return -(-self.units.numel() // (batch_size or max(self.units.numel(), 1)))

    def epoch(self, batch_size: int, *, generator: torch.Generator, start: int = 0) -> Iterator[Batch]:
        """The batches of one epoch from number ``start`` on.

        Only the seed of ``generator`` is read: order and negatives are derived from it and the number of the
        batch, so that the batches do not depend on where the epoch is entered.
        """
        seed = generator.initial_seed()
        order = self.units[torch.randperm(self.units.numel(), generator=make_generator(seed, "order"))]
        for number, units in enumerate(order.split(batch_size or max(order.numel(), 1))):
            if number >= start and units.numel():
                ids = self._drawn_pairs(units, make_generator(seed, "pairs", number)) if self.per_user else units
                yield self._batch(ids, make_generator(seed, "negatives", number))

    def _drawn_pairs(self, users: Tensor, generator: torch.Generator) -> Tensor:
        """Positions of up to ``per_user`` pairs of each of ``users``, without repeats; each pair equally likely."""
        rows, places = self._pairs_of_users.gather(users)
        draws = torch.rand(rows.numel(), generator=generator)
        order = draws.argsort(stable=True)
        order = order[rows[order].argsort(stable=True)]  # by user, at random within each
        counts = torch.bincount(rows, minlength=users.numel())
        rank = torch.arange(rows.numel()) - (counts.cumsum(0) - counts)[rows[order]]
        return self.ids[places[order[rank < self.per_user]]]

    @cached_property
    def _pairs_of_users(self) -> ItemLists:
        """Places in ``ids`` of each user's pairs."""
        places = torch.arange(self.ids.numel())
        return ItemLists.from_pairs(self.users[self.ids], places, self.sampler.mass.numel(), places.numel())

    def _batch(self, ids: Tensor, generator: torch.Generator) -> Batch:
        ids = ids.repeat_interleave(self.per_pair)
        return self.batch(ids, self.sampler.sample(self.users[ids], generator=generator))

    def batch(self, ids: Tensor, negatives: Tensor) -> Batch:
        """The batch of these pairs [n], positions in ``train``, with a negative item for each."""
        users, positives = self.users[ids], self.items[ids]
        rows: dict[str, Tensor | Mapping[str, Tensor]] = {
            "users": users,
            "items_pos": positives,
            "items_neg": negatives,
            "batch": {"user": users, "item": torch.cat([positives, negatives])},
            "positives": {"user": users, "item": positives},
            "unique": {"user": users.unique(), "item": positives.unique()},
        }
        return Batch(ids=ids, rows=rows, targets=ids.numel())
