"""Clusters found each epoch, and a weight for each example out of them: rare kinds count as much as common ones."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

import graphcl
from graphcl.core.options import Address, Probability
from graphcl.objective.base import Rows, State
from graphcl.tasks.base import Task


def balanced_weights(assignment: Tensor, power: float) -> Tensor:
    """``size^-power`` of each example's cluster, scaled to a mean of 1.

    Args:
        assignment: [N] int64, the cluster of each example.
        power: 0 weights all alike; 1 gives every cluster the same total weight.
    """
    weights = assignment.bincount().double().pow(-power).index_select(0, assignment)
    return (weights / weights.mean()).float()


@graphcl.register("state", "cluster_balance", example={"assignment": "state.clusters.assignment"})
class ClusterBalance(State):
    """Field ``values`` [N]: the weight of each example, 1 before there are clusters."""

    values: Tensor
    when = "epoch_start"

    def __init__(self, assignment: Address, power: Probability = 1.0, *, task: Task) -> None:
        """
        Args:
            assignment: Address of the cluster of each example.
            power: 0 weights all alike; 1 gives every cluster the same total weight.
        """
        super().__init__()
        self.reads, self.power = {"assignment": assignment}, power
        (graph,) = task.graphs.values()
        self.register_buffer("values", torch.ones(int(graph.num_nodes or 0)))

    def update(self, inputs: Mapping[str, Rows], *, generator: torch.Generator) -> None:
        """Weights of the clusters of this epoch."""
        assignment = inputs["assignment"].values
        if len(assignment):
            self.values = balanced_weights(assignment, self.power)
