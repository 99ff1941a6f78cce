"""The items of each user as sorted lists: what is masked, and what counts as a hit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True)
class ItemLists:
    """Items of each user, ascending and without repeats, in CSR form.

    Attributes:
        starts: [U + 1] int64; the items of user ``u`` are ``items[starts[u]:starts[u + 1]]``.
        items: [nnz] int64.
        num_items: Size of the catalogue, I.
    """

    starts: Tensor
    items: Tensor
    num_items: int

    @classmethod
    def from_pairs(cls, users: Tensor, items: Tensor, num_users: int, num_items: int) -> ItemLists:
        """Sort (user, item) pairs by user, then item; repeats count once."""
        return cls._from_keys(torch.unique(users.long() * num_items + items.long()), num_users, num_items)

    @classmethod
    def _from_keys(cls, keys: Tensor, num_users: int, num_items: int) -> ItemLists:
        users = keys // max(num_items, 1)
        starts = torch.zeros(num_users + 1, dtype=torch.int64, device=keys.device)
        torch.cumsum(torch.bincount(users, minlength=num_users), 0, out=starts[1:])
        return cls(starts, keys - users * num_items, num_items)

    def to(self, device: torch.device) -> ItemLists:
        """The same lists on another device."""
        return ItemLists(self.starts.to(device), self.items.to(device), self.num_items)

    @property
    def num_users(self) -> int:
        """Number of lists, U."""
        return self.starts.numel() - 1

    @cached_property
    def counts(self) -> Tensor:
        """[U] length of each list."""
        return self.starts.diff()

    @cached_property
    def users(self) -> Tensor:
        """[nnz] the user of each entry of ``items``."""
        return torch.repeat_interleave(torch.arange(self.num_users, device=self.items.device), self.counts)

    @cached_property
    def keys(self) -> Tensor:
        """[nnz] ``user * I + item``, ascending."""
        return self.users * self.num_items + self.items

    def union(self, other: ItemLists) -> ItemLists:
        """The items that are in either list of each user."""
        return self._from_keys(torch.unique(torch.cat([self.keys, other.keys])), self.num_users, self.num_items)

    def gather(self, users: Tensor) -> tuple[Tensor, Tensor]:
        """The lists of ``users`` [b] one after the other: position in ``users`` and item of each entry."""
        counts = self.counts.index_select(0, users)
        rows = torch.repeat_interleave(torch.arange(users.numel(), device=users.device), counts)
        # Entry e of the result is entry (e - first entry of its row) of that row's list.
        shift = self.starts.index_select(0, users) - (counts.cumsum(0) - counts)
        entries = torch.arange(rows.numel(), device=users.device) + shift.index_select(0, rows)
        return rows, self.items.index_select(0, entries)

    def contains(self, users: Tensor, items: Tensor) -> Tensor:
        """Whether ``items`` [b, k] are in the lists of ``users`` [b]; False for the padding -1."""
        if not self.keys.numel():
            return torch.zeros_like(items, dtype=torch.bool)
        wanted = users.unsqueeze(1) * self.num_items + items
        found = torch.searchsorted(self.keys, wanted).clamp_(max=self.keys.numel() - 1)
        return (self.keys[found] == wanted) & (items >= 0)
