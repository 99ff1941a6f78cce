"""A queue of the latest keys, as negatives for more steps than the one that made them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.options import Addresses, Count, Index
from graphcl.core.registry import register
from graphcl.objective.base import Rows, State


@register("state", "queue", example={"rows": "main.nodes[batch]", "dim": 4, "size": 8})
class Queue(State):
    """The last ``size`` rows seen, first in first out (MoCo, He et al., CVPR 2020).

    Field ``keys`` is [filled, dim], in no particular order: [0, dim] before the first update.
    """

    ring: Tensor
    count: Tensor

    def __init__(
        self,
        rows: Addresses,
        dim: Index = 0,
        size: Count = 4096,
        when: Literal["before_step", "after_step"] = "after_step",
        every: Count = 1,
        start: Index = 0,
        *,
        width_of: Callable[[str], int] | None = None,
    ) -> None:
        """
        Args:
            rows: Address of the keys that enter.
            dim: Width of a key; 0 for that of the rows.
            size: Number of keys kept.
            when: Whether a step's keys enter before or after its terms are taken.
            every: Steps between two updates.
            start: First epoch in which keys enter.
            width_of: Gives the width of the rows at an address (supplied).

        Raises:
            UserError: dim is 0, and the width of the rows is not known before data flows.
        """
        super().__init__()
        if not dim:
            if width_of is None:
                raise UserError("queue: set dim, the width of a key")
            dim = width_of(rows if isinstance(rows, str) else rows[0])
        self.reads, self.when, self.every, self.start = {"rows": rows}, when, every, start
        self.register_buffer("ring", torch.zeros(size, dim))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))  # of all keys that ever entered

    def update(self, inputs: Mapping[str, Rows], *, generator: torch.Generator) -> None:
        """Let keys in; of more than ``size`` at once, the last ones.

        Raises:
            UserError: keys of another width.
        """
        size, dim = self.ring.shape
        keys = inputs["rows"].values.detach()
        if keys.shape[1] != dim:
            raise UserError(f"queue: the keys have width {keys.shape[1]}; set dim={keys.shape[1]}")
        entered = int(self.count) + len(keys)
        keys = keys[-size:]
        where = torch.arange(entered - len(keys), entered, device=keys.device) % size
        # Out of place: a graph may still hold the keys of before.
        self.ring = self.ring.index_copy(0, where, keys.to(self.ring.dtype))
        self.count.fill_(entered)

    def field(self, name: str, node_type: str = "") -> Tensor:
        """``keys``: the rows that are filled."""
        if name != "keys" or node_type:
            raise UserError(f"state 'queue' has the field 'keys', without a node type; got {name!r} {node_type}")
        return self.ring[: int(self.count)]
