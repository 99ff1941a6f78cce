"""The items of each user in the order of time: what is read of a history."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphcl.data.interactions import Pairs
from graphcl.data.returns import Returns, returns_to_go, rewards
from graphcl.encode.base import RETURNS
from graphcl.graph.chain import build_chains
from graphcl.tasks.ranking import ItemLists


@dataclass(frozen=True)
class ItemRuns:
    """Items of each user in the order of time, repeats kept, in CSR form.

    Attributes:
        ptr: [U + 1] int64; the history of user ``u`` is ``items[ptr[u]:ptr[u + 1]]``.
        items: [n] int64.
        num_items: Size of the catalogue, I.
        time: [n] of the events, or None.
        returns: [n, 2] what comes after each event of both rewards (:mod:`graphcl.data.returns`), or None.
    """

    ptr: Tensor
    items: Tensor
    num_items: int
    time: Tensor | None = None
    returns: Tensor | None = None

    @classmethod
    def from_pairs(cls, pairs: Pairs, num_users: int, num_items: int, returns: Returns | None = None) -> ItemRuns:
        """The rows of each user in the order in which they stand in ``pairs``; with ``returns``, what they bring."""
        order = np.argsort(pairs.users, kind="stable")
        ptr = torch.zeros(num_users + 1, dtype=torch.int64)
        torch.cumsum(torch.from_numpy(np.bincount(pairs.users, minlength=num_users)), 0, out=ptr[1:])
        time = None if pairs.time is None else torch.from_numpy(pairs.time[order])
        to_go = None if returns is None else _to_go(pairs.take(order), ptr.numpy(), returns)
        return cls(ptr, torch.from_numpy(pairs.items[order]), num_items, time, to_go)

    @cached_property
    def counts(self) -> Tensor:
        """[U] length of each history."""
        return self.ptr.diff()

    @cached_property
    def users(self) -> Tensor:
        """[n] the user of each event."""
        return torch.repeat_interleave(torch.arange(self.counts.numel()), self.counts)

    def last(self, most: int) -> ItemRuns:
        """The last ``most`` events of each user."""
        place, ptr = spans(torch.maximum(self.ptr[:-1], self.ptr[1:] - most), self.ptr[1:])
        time, returns = (None if x is None else x.index_select(0, place) for x in (self.time, self.returns))
        return ItemRuns(ptr, self.items.index_select(0, place), self.num_items, time, returns)

    def lists(self, of: Tensor | None = None) -> ItemLists:
        """The different items of each user; of those where ``of`` [U] is true, and nothing of the others."""
        wanted = slice(None) if of is None else of[self.users]
        return ItemLists.from_pairs(self.users[wanted], self.items[wanted], self.counts.numel(), self.num_items)

    def events(self, users: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The histories of ``users`` [b] after each other: position in ``users``, item, and age (0 is the last)."""
        begin, end = self.ptr.index_select(0, users), self.ptr.index_select(0, users + 1)
        place, ptr = spans(begin, end)
        rows = torch.repeat_interleave(torch.arange(users.numel()), ptr.diff())
        return rows, self.items.index_select(0, place), end.index_select(0, rows) - 1 - place

    def chains(self, begin: Tensor, end: Tensor) -> tuple[Data, Tensor]:
        """Events ``begin[k]..end[k] - 1`` as chain k, and where each node lies in ``items``; none may be empty."""
        place, ptr = spans(begin, end)
        time = None if self.time is None else self.time.index_select(0, place)
        chains = build_chains(self.items.index_select(0, place), ptr, num_items=self.num_items, time=time)
        if self.returns is not None:
            chains[RETURNS] = self.returns.index_select(0, place)
        return chains, place


def _to_go(ordered: Pairs, ptr: np.ndarray, how: Returns) -> Tensor:
    """[n, 2] returns of pairs in the order of users and times."""
    assert ordered.rating is not None
    assert ordered.time is not None
    return torch.from_numpy(returns_to_go(rewards(ptr, ordered.rating, ordered.time, how), ptr, how.discount))


def spans(begin: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
    """The integers ``begin[k]..end[k] - 1`` of every k after each other, and [K + 1] where each k begins among them."""
    counts = end - begin
    ptr = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    shift = torch.repeat_interleave(begin - ptr[:-1], counts)
    return torch.arange(int(ptr[-1])) + shift, ptr
