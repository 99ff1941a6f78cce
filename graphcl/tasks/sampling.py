"""Negatives of training pairs: drawn from what a user has not seen, exactly and without rejecting."""

from __future__ import annotations

import torch
from torch import Tensor

from graphcl.tasks.ranking.lists import ItemLists

#: Sum that integer weights are scaled to: rounding changes a probability by less than one in 10^12.
_RESOLUTION = 2**40


class NegativeSampler:
    """Draw items in proportion to a weight from the complement of each user's list.

    The catalogue is laid out on a line on which item i takes ``weights[i]`` units, and the seen items of
    user u are cut out of it: ``mass[u]`` units are left. A draw is a unit in ``[0, mass[u])``, and two
    binary searches tell which item it falls on. Weights are integers, so no rounding can ever let a seen
    item through, and a user who has seen nearly everything costs no more than another.
    """

    def __init__(self, seen: ItemLists, weights: Tensor | None = None) -> None:
        """
        Args:
            seen: Items that must not be drawn, per user.
            weights: [I] non-negative int64; None draws uniformly. See :func:`popularity_weights`.
        """
        weights = torch.ones(seen.num_items, dtype=torch.int64) if weights is None else weights
        self.weights, self.starts = weights, seen.starts
        #: [I] where each item ends on the line
        self.ends = weights.cumsum(0)
        self.total = int(self.ends[-1]) if weights.numel() else 0
        taken = weights[seen.items]
        #: [nnz + 1] weight of the entries before each entry of all lists
        self.taken = torch.cat([taken.new_zeros(1), taken.cumsum(0)])
        #: [U] what is left of the line
        self.mass = self.total - self.taken[self.starts].diff()
        left_before = (self.ends - weights)[seen.items] - (self.taken[:-1] - self.taken[self.starts[seen.users]])
        self.keys = seen.users * (self.total + 1) + left_before

    def locate(self, users: Tensor, units: Tensor) -> Tensor:
        """The unseen item on which unit ``units`` [b] in ``[0, mass[users])`` falls."""
        passed = torch.searchsorted(self.keys, users * (self.total + 1) + units, right=True)
        skipped = self.taken[passed] - self.taken[self.starts[users]]
        return torch.searchsorted(self.ends, units + skipped, right=True)

    def sample(self, users: Tensor, *, generator: torch.Generator) -> Tensor:
        """One unseen item for each of ``users`` [b], all of which have ``mass`` > 0."""
        # The largest draw is 1 - 2^-53, so that for a mass below 2^52 the product stays below the mass.
        share = torch.rand(users.numel(), dtype=torch.float64, generator=generator)
        return self.locate(users, (share * self.mass[users]).long())

    def sample_for_all(self, count: int, *, generator: torch.Generator) -> Tensor:
        """``count`` items of the whole catalogue, whoever has seen them, for a line that is not empty."""
        share = torch.rand(count, dtype=torch.float64, generator=generator)
        return torch.searchsorted(self.ends, (share * self.total).long(), right=True)

    def share(self, items: Tensor, users: Tensor | None = None) -> Tensor:
        """How likely one draw was to give each of ``items`` [b]: for ``users`` [b], who have not seen them, or for all.

        Returns:
            [b] float64.
        """
        return self.weights[items].double() / (self.total if users is None else self.mass[users])


def popularity_weights(counts: Tensor, power: float, num_users: int) -> Tensor:
    """Integer weights in proportion to ``counts ** power`` (0 where the count is 0).

    The power 0.75 is word2vec's (Mikolov et al., NeurIPS 2013).

    Args:
        counts: [I] training interactions of each item.
        power: 0 draws all items that occur alike, 1 in proportion to their counts.
        num_users: Bounds the resolution: the sampler's keys must stay below 2^63.
    """
    raw = torch.where(counts > 0, counts.double() ** power, 0.0)
    resolution = min(_RESOLUTION, 2**61 // max(num_users, 1))
    scaled = (raw / raw.sum().clamp(min=1e-300) * resolution).round().long()
    return torch.where(counts > 0, scaled.clamp(min=1), 0)
