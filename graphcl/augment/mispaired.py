"""A source that pairs some examples wrongly on purpose."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from graphcl.augment.sources import Partners
from graphcl.core import seeds
from graphcl.core.errors import UserError
from graphcl.core.options import Index, Probability
from graphcl.core.registry import register
from graphcl.encode.base import Graph


def mispaired(ids: Tensor, p: float, seed: int = 0) -> Tensor:
    """For a share ``p`` of examples another of them, each the other of one; the same at every call.

    Args:
        ids: [n] examples.
        p: share of those that are given another.
        seed: of the choice.

    Returns:
        [n], the partners; others are their own.

    >>> mispaired(torch.arange(4) + 10, 0.5)
    tensor([13, 11, 12, 10])
    """
    chosen = torch.randperm(len(ids), generator=seeds.generator(seed, "mispaired"))[: round(p * len(ids))]
    partners = ids.clone()
    partners[chosen] = ids[chosen.roll(1)]
    return partners


@register("source", "mispaired", example={"p": 0.5})
class Mispaired(nn.Module):
    """A fixed share of the examples is paired with another, to see what a method makes of wrong pairs.

    The whole example takes the anchor's place: the view is made of its graph, and read at the level ``graphs``.
    """

    of_records = True

    def __init__(self, p: Probability = 0.1, seed: Index = 0, *, task: Any = None) -> None:
        """
        Args:
            p: Share of the training examples that are paired wrongly, each with another of them.
            seed: Of the choice, which is the same in every run.
            task: Gives ``training_ids``, the numbers of the training examples (supplied).

        Raises:
            UserError: the task has none.
        """
        super().__init__()
        ids: Tensor | None = getattr(task, "training_ids", None)
        if ids is None:
            raise UserError("source mispaired: the examples of this task have no graphs of their own to be paired")
        self.partner = torch.arange(int(ids.max()) + 1).index_copy(0, ids, mispaired(ids, p, seed))

    def forward(self, ids: Tensor, graph: Graph, *, node_type: str = "", generator: torch.Generator) -> Partners:
        """See :func:`mispaired`; ``ids`` are examples."""
        found = self.partner.to(ids.device).index_select(0, ids)
        return Partners(found, found == ids)
