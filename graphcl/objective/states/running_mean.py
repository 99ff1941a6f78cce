"""The running mean of rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from graphcl.core.errors import NonFiniteError, UserError
from graphcl.core.options import Addresses, Count, Index, Probability
from graphcl.core.registry import register
from graphcl.objective.base import Rows, State


@register("state", "running_mean", example={"rows": "main.nodes[batch]", "dim": 4})
class RunningMean(State):
    """``c <- m c + (1 - m) mean(x)``, 0 before the first update: the centre of a teacher's scores (DINO, Caron et al.,
    ICCV 2021, eq. 4; SlotCon, Wen et al., NeurIPS 2022).

    Field ``mean`` [dim].
    """

    mean: Tensor

    def __init__(
        self,
        rows: Addresses,
        dim: Count,
        momentum: Probability = 0.9,
        when: Literal["before_step", "after_step"] = "after_step",
        every: Count = 1,
        start: Index = 0,
    ) -> None:
        """
        Args:
            rows: Address of the rows; several are taken together.
            dim: Width of a row.
            momentum: Share of the mean of before that stays.
            when: Whether a step's rows enter before or after its terms are taken.
            every: Steps between two updates.
            start: First epoch in which rows enter.
        """
        super().__init__()
        self.reads, self.when, self.every, self.start = {"rows": rows}, when, every, start
        self.momentum = momentum
        self.register_buffer("mean", torch.zeros(dim))

    def update(self, inputs: Mapping[str, Rows], *, generator: torch.Generator) -> None:
        """Enter the mean of the rows; no row changes nothing.

        Raises:
            UserError: rows of another width.
            NonFiniteError: rows that are NaN or infinite.
        """
        rows = inputs["rows"].values.detach().float()
        if rows.shape[1] != len(self.mean):
            raise UserError(f"running_mean: the rows have width {rows.shape[1]}; set dim={rows.shape[1]}")
        if not len(rows):
            return
        if not bool(torch.isfinite(rows).all()):
            raise NonFiniteError("running_mean: rows are not finite")
        # Out of place: a graph may still hold the mean of before.
        self.mean = rows.mean(0).lerp(self.mean, self.momentum)
