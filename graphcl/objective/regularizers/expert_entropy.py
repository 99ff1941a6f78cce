"""How evenly a selector mixes experts: reported, and kept even where it is given a weight."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.registry import register
from graphcl.objective.base import Anchored, Flow, Term


def entropy_gap(weights: Tensor) -> Tensor:
    """``log m + sum_i alpha_i log alpha_i`` of each row [N, m]: the divergence of alpha from the uniform mixture.

    >>> entropy_gap(torch.tensor([[0.5, 0.5], [1.0, 0.0]]))
    tensor([0.0000, 0.6931])
    """
    return math.log(weights.shape[1]) + torch.xlogy(weights, weights.clamp_min(1e-12)).sum(1)


@register("regularizer", "expert_entropy", example={"view": "a"}, needs="text")
class ExpertEntropy(Term):
    """``KL(alpha || uniform)`` of the weights with which `prompt_experts` mixes experts, a value for each node.

    With weight 0 it only reports at evaluations: the mean weight of each expert and the mean entropy of the mixture in
    nats. The authors' code has no such term; without one a mixture may end on a single expert.
    """

    combine = "gather"

    def __init__(self, view: str, weight: float = 0.0, **common: Any) -> None:  # noqa: D417 - Term documents the common
        """
        Args:
            view: A view that `prompt_experts` made.
            weight: Factor of the term in the loss; 0: it is only reported.
        """
        super().__init__(weight=weight, **common)
        self.view = view

    def group(self, flow: Flow, node_type: str) -> Anchored:
        """One value per node."""
        return Anchored(entropy_gap(self._weights(flow)))

    def measure(self, flow: Flow) -> dict[str, float]:
        """The mean weight of each expert, and the mean entropy of a node's mixture."""
        weights, names = self._weights(flow), flow.view(self.view).graph.expert_names
        entropy = math.log(weights.shape[1]) - entropy_gap(weights)
        return {**dict(zip(names, weights.mean(0).tolist(), strict=True)), "entropy": float(entropy.mean())}

    def _weights(self, flow: Flow) -> Tensor:
        weights = flow.view(self.view).graph.get("expert_weights")
        if weights is None:
            raise UserError(f"expert_entropy: view '{self.view}' has no prompt_experts, so nothing mixes experts")
        return weights
