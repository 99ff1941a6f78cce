"""Tell the original among changed candidates."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphcl.core.options import Address
from graphcl.core.registry import register
from graphcl.objective.base import Anchored, Flow, Term, at_type
from graphcl.objective.kernels import widen


def pick_original(scores: Tensor) -> Tensor:
    """``-log softmax(s)_0`` of each row of scores [B, 1 + k], the original's first; [B].

    >>> pick_original(torch.zeros(1, 4)).exp()
    tensor([4.0000])
    """
    return scores.logsumexp(1) - scores[:, 0]


@register("term", "pick_original", example={"original": "a.nodes[batch]", "changed": ["b.nodes[batch]"]})
class PickOriginal(Term):
    """The original is told from its perturbed views by a score (D-SLA, Kim, Baek, Hwang, NeurIPS 2022, eq. 3).

    A score is the sum of a latent's columns: take it from a `linear` head of dim 1.
    """

    combine = "mean"

    def __init__(self, original: Address, changed: list[Address], **common: Any) -> None:  # noqa: D417
        """
        Args:
            original: Scores of the originals.
            changed: Scores of each perturbed view of them, in the same order.
        """
        super().__init__(**common)
        self.original, self.changed = original, changed

    def group(self, flow: Flow, node_type: str) -> Anchored:
        """One value per original."""
        first = flow.rows(at_type(self.original, node_type))
        others = [flow.rows(at_type(address, node_type)).values for address in self.changed]
        values = pick_original(torch.stack([widen(x).sum(1) for x in (first.values, *others)], dim=1))
        weight = self.anchor_weight(flow, node_type, first.ids, values.new_ones(len(values)))
        return Anchored(values * weight, weight, first.ids)
