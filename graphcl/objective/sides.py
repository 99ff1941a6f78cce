"""One side of a contrast: rows, and how often each of them counts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from graphcl.objective.base import Rows


@dataclass
class Side:
    """Rows and how often each of them stands in the batch [B] (float)."""

    rows: Rows
    counts: Tensor

    def unique(self) -> Side:
        """Each row once."""
        return Side(*self.rows.unique())

    @cached_property
    def values(self) -> Tensor:
        """The rows themselves, gathered once."""
        return self.rows.values

    @property
    def log_counts(self) -> Tensor | None:
        """What makes a candidate count as often as it occurred; None where all occur once."""
        return self.counts.log() if bool((self.counts != 1).any()) else None


def as_assigned(candidates: Side, assigned: Tensor, counts: Tensor) -> Side:
    """Each candidate as often as anchors that occur ``counts`` times are assigned to it (-1: to none)."""
    known = (assigned >= 0).nonzero().squeeze(1)
    times = counts.new_zeros(len(candidates.rows)).index_add(0, assigned[known], counts[known])
    return Side(candidates.rows, times)


def nothing_like(side: Side) -> Side:
    """No rows, of the width of these."""
    return side_of(Rows(side.rows.base.detach()[:0]))


def side_of(rows: Rows) -> Side:
    """Rows of which each occurs once."""
    ones = torch.ones(len(rows), dtype=torch.promote_types(rows.base.dtype, torch.float32), device=rows.base.device)
    return Side(rows, ones)
