"""Batches of histories: what is read, and the item that follows at each place."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphcl.core.seeds import generator as make_generator
from graphcl.data.histories import RowLayout
from graphcl.tasks.base import Batch
from graphcl.tasks.pair_batches import Negatives
from graphcl.tasks.runs import ItemRuns
from graphcl.tasks.sampling import NegativeSampler, popularity_weights

ROWS = ("predict", "next", "negatives", "shared", "last", "batch")


class SequenceBatches:
    """Epochs over examples, each a piece of a train history that is read and the items that follow.

    An example is three integers, into one packed array of items: its user, and where its inputs begin and stop.
    ``packed``: a user's last ``max_len + 1`` items; all but the last are read, and at each of them the next one is
    predicted. ``prefix``: an item that has one before it, predicted from the up to ``max_len`` items before it.
    ``whole``: a user's last ``max_len`` items, all read, so that nothing follows: there are no rows ``predict`` and
    ``next``, and a recipe hides items to have some to find. Users of one item are no examples of any layout.

    Attributes:
        user: [E] the user of each example.
        target_of: [E] the item that each example predicts last; in whole rows, its last one.
        full_users: Users with every item that train has; their negatives are items that they have.
    """

    def __init__(
        self,
        runs: ItemRuns,
        *,
        max_len: int = 50,
        row_layout: RowLayout = "packed",
        per_target: int = 1,
        for_all: int = 0,
        negatives: Negatives = "uniform",
        power: float = 0.75,
    ) -> None:
        """
        Args:
            runs: The train histories.
            max_len: Most items that are read.
            row_layout: ``packed``, ``prefix`` or ``whole``.
            per_target: Negatives of each target; in whole rows, of each item that is read.
            for_all: Further negatives that are drawn for a whole batch, whoever has them.
            negatives: ``uniform``, or ``popularity``: in proportion to (events of the item) ** ``power``.
            power: Of ``popularity``.
        """
        self.runs, self.row_layout, self.per_target, self.for_all = runs, row_layout, per_target, for_all
        # Of the items that train has: an item that is only held out must not show in what training sees.
        counts = torch.bincount(runs.items, minlength=runs.num_items)
        popular = negatives == "popularity"
        weights = popularity_weights(counts, power, runs.counts.numel()) if popular else (counts > 0).long()
        self.sampler = NegativeSampler(runs.lists(), weights)
        trained, free = runs.counts >= 2, self.sampler.mass > 0
        self.full_users = int((trained & ~free).sum())
        if self.full_users:  # they have no negatives of their own, but teach what follows what
            self.sampler = NegativeSampler(runs.lists(of=free), weights)
        if row_layout != "prefix":
            self.user = trained.nonzero().squeeze(1)
            self.stop = runs.ptr[self.user + 1] - (1 if row_layout == "packed" else 0)
        else:
            first = torch.zeros(runs.items.numel() + 1, dtype=torch.bool).index_fill_(0, runs.ptr[:-1], True)[:-1]
            self.stop = (~first & trained[runs.users]).nonzero().squeeze(1)
            self.user = runs.users[self.stop]
        self.begin = torch.maximum(runs.ptr[self.user], self.stop - max_len)
        self.target_of = runs.items.index_select(0, self.stop - 1 if row_layout == "whole" else self.stop)

    def __len__(self) -> int:
        return self.user.numel()

    @property
    def targets(self) -> int:
        """What an epoch predicts; in whole rows, what it could."""
        return len(self) if self.row_layout == "prefix" else int((self.stop - self.begin).sum())

    def count(self, batch_size: int) -> int:
        """Batches of an epoch; 0 takes all examples at once."""
        return -(-len(self) // (batch_size or max(len(self), 1)))

    def epoch(self, batch_size: int, *, generator: torch.Generator, start: int = 0) -> Iterator[Batch]:
        """The batches of one epoch from number ``start`` on.

        Only the seed of ``generator`` is read: order and negatives are derived from it and the number of the
        batch, so that the batches do not depend on where the epoch is entered.
        """
        seed = generator.initial_seed()
        order = torch.randperm(len(self), generator=make_generator(seed, "order"))
        for number, ids in enumerate(order.split(batch_size or max(len(self), 1))):
            if number >= start and ids.numel():
                yield self.batch(ids, make_generator(seed, "negatives", number))

    def inputs(self, ids: Tensor) -> Data:
        """What these examples read, as chains."""
        return self._read(ids)[0]

    def _read(self, ids: Tensor) -> tuple[Data, Tensor]:
        return self.runs.chains(self.begin.index_select(0, ids), self.stop.index_select(0, ids))

    def batch(self, ids: Tensor, generator: torch.Generator) -> Batch:
        """The batch of these examples [n]; negatives are drawn from ``generator``."""
        chains, place = self._read(ids)
        last, user = chains.ptr[1:] - 1, self.user.index_select(0, ids)
        if self.row_layout == "prefix":
            predict = last
        else:
            predict, user = torch.arange(place.numel()), user.index_select(0, chains.batch)
        users = user.repeat_interleave(self.per_target)
        negatives = self.sampler.sample(users, generator=generator)
        rows = {"negatives": negatives, "last": last, "batch": torch.arange(ids.numel())}
        shares = {"negatives": self.sampler.share(negatives, users).view(-1, self.per_target)}
        if self.for_all:
            rows["shared"] = self.sampler.sample_for_all(self.for_all, generator=generator)
            shares["shared"] = self.sampler.share(rows["shared"])
        if self.row_layout != "whole":
            following = self.runs.items.index_select(0, place.index_select(0, predict) + 1)
            rows |= {"predict": predict, "next": following}
        return Batch(ids=ids, rows=rows, graphs={"chain": chains}, targets=predict.numel(), shares=shares)
