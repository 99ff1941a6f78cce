"""A teacher: a copy of towers and heads that follows them slowly."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from graphcl.core.errors import UserError
from graphcl.core.options import Count, Index, Probability
from graphcl.core.registry import register
from graphcl.encode.base import Encoding, View
from graphcl.objective.base import Rows, State

Schedule = Literal["constant", "cosine"]


def momentum_at(update: int, momentum: float, schedule: Schedule, updates: int) -> float:
    """The momentum of update number ``update`` (from 0).

    ``cosine`` rises from ``momentum`` to 1: ``1 - (1 - m) (cos(pi k / K) + 1) / 2`` (BYOL, Grill et al.,
    NeurIPS 2020, section 3.2); it stays 1 after update K.
    """
    if schedule == "constant":
        return momentum
    return 1.0 - (1.0 - momentum) * (math.cos(math.pi * min(update / updates, 1.0)) + 1.0) / 2.0


@torch.no_grad()
def follow(teacher: nn.Module, student: nn.Module, momentum: float) -> None:
    """``t <- m t + (1 - m) s`` for every parameter; buffers (running statistics, counters) are copied."""
    for mine, theirs in zip(teacher.parameters(), student.parameters(), strict=True):
        mine.lerp_(theirs, 1.0 - momentum)
    for buffer, source in zip(teacher.buffers(), student.buffers(), strict=True):
        buffer.copy_(source)


@register("state", "ema", example={"of": "main"})
class EMA(State):
    """The exponential moving average of a tower (and of heads), called like the tower: ``teacher(b).nodes``.

    Equal to the student before the first update. Its parameters take no gradient.

    Attributes:
        copies: owner -> its copy.
    """

    updates: Tensor

    def __init__(
        self,
        of: str | list[str],
        momentum: Probability = 0.99,
        schedule: Schedule = "constant",
        total_updates: Index = 0,
        every: Count = 1,
        *,
        module: nn.ModuleDict,
        steps: int = 0,
    ) -> None:
        """
        Args:
            of: The tower to follow, or a list of the tower and then heads.
            momentum: Share of the teacher that stays at each update.
            schedule: Whether the momentum is constant or rises to 1 as half a cosine.
            total_updates: Updates until a cosine schedule is at 1; 0 takes all updates of `train.epochs`.
            every: Steps between two updates.
            module: The parts named by `of` (supplied).
            steps: Steps of `train.epochs` (supplied).

        Raises:
            UserError: a cosine schedule whose number of updates is neither given nor known.
        """
        super().__init__()
        self.total_updates = total_updates or -(-steps // every)
        if schedule == "cosine" and self.total_updates < 1:
            raise UserError("ema: schedule 'cosine' needs total_updates, the number of updates until momentum 1")
        self.reads, self.every = {}, every
        self.momentum, self.schedule = momentum, schedule
        self.tower = of if isinstance(of, str) else of[0]
        # In a tuple: the student is not a part of this module, and must not be in its state_dict.
        self._student = (module,)
        self.copies = copy.deepcopy(module).requires_grad_(False)
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    def forward(self, view: View, rows: Tensor | None = None) -> Encoding:
        """What the copy of the tower makes of a view."""
        return self.copies[self.tower](view, rows)

    def update(self, inputs: Mapping[str, Rows], *, generator: torch.Generator) -> None:
        """Move towards the student."""
        momentum = momentum_at(int(self.updates), self.momentum, self.schedule, self.total_updates)
        follow(self.copies, self._student[0], momentum)
        self.updates += 1
