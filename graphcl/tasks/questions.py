"""What evaluation asks about histories: what is read of each user, what is to be found, what is left out."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from graphcl.data.histories import Histories
from graphcl.data.interactions import Pairs
from graphcl.tasks.base import Split
from graphcl.tasks.ranking import ItemLists
from graphcl.tasks.runs import ItemRuns

Targets = Literal["first", "all"]


class Questions:
    """One question a user and split: his history so far, and the item that came next.

    Users of whom nothing can be read are not asked about.

    Attributes:
        train: The train history of each user.
    """

    def __init__(
        self, data: Histories, *, mask_history: bool = True, valid_in_input: bool = True, targets: Targets = "first"
    ) -> None:
        """
        Args:
            data: The histories.
            mask_history: Whether items of the history are left out of the ranking.
            valid_in_input: Whether what is read for test ends with validation.
            targets: What is to be found where several items of a user are held out.
        """
        self.data, self.mask_history = data, mask_history
        self.valid_in_input, self.targets = valid_in_input, targets
        self.train = self.runs(data.train)

    def runs(self, pairs: Pairs) -> ItemRuns:
        """The rows of each user."""
        return ItemRuns.from_pairs(pairs, len(self.data.users), len(self.data.items), self.data.returns)

    def history(self, split: Split) -> ItemRuns:
        """All that each user had before the items of ``split``."""
        return self.train if split == "valid" else self.runs(self.data.train.join(self.data.held_out.valid))

    def inputs(self, split: Split) -> ItemRuns:
        """What is read of it."""
        return (self.history(split) if self.valid_in_input else self.train).last(self.data.max_len)

    def positives(self, split: Split) -> ItemLists:
        """What is to be found."""
        held_out = self.data.held_out.valid if split == "valid" else self.data.held_out.test
        return self.to_find(held_out, self.inputs(split))

    def to_find(self, held_out: Pairs, inputs: ItemRuns) -> ItemLists:
        """The held-out items of users who have inputs."""
        runs = self.runs(held_out)
        wanted = (inputs.counts > 0)[runs.users]
        if self.targets == "first":
            wanted &= torch.arange(runs.items.numel()) == runs.ptr[runs.users]
        return ItemLists.from_pairs(runs.users[wanted], runs.items[wanted], len(self.data.users), len(self.data.items))

    def users(self, split: Split) -> Tensor:
        """[n] positions of the users who are asked about, ascending."""
        return self.positives(split).counts.nonzero().squeeze(1)

    def seen(self, split: Split) -> ItemLists | None:
        """What is left out of each user's ranking."""
        return self.history(split).lists() if self.mask_history else None

    @property
    def asks_once(self) -> bool:
        """Whether of several held-out items of a user only the first is to be found, so that others are left out."""
        held_out = (self.data.held_out.valid, self.data.held_out.test)
        return self.targets == "first" and any(bool((self.runs(pairs).counts > 1).any()) for pairs in held_out)

    def unreachable(self, split: Split) -> int:
        """Items to be found that are left out."""
        seen = self.seen(split)
        return 0 if seen is None else int(torch.isin(self.positives(split).keys, seen.keys).sum())
