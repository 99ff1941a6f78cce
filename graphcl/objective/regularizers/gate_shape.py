"""What gates of a learned augmenter of series should look like: few, and in stretches."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.options import NonNegative, Probability
from graphcl.core.registry import register
from graphcl.objective.base import Anchored, Flow, Term


def roughness(gates: Tensor, member: Tensor, far: Literal["none", "apart", "together"], draws: Tensor) -> Tensor:
    """How much the gates of each node differ from those of its neighbours in time.

    ``|a_t - a_(t-1)| + |a_t - a_(t+1)|``, the mean over channels; beyond an end there is no difference. ``far`` adds a
    term on a node of the same series drawn at random: ``apart`` ``1 - |a_t - a_t'|``, ``together`` ``|a_t - a_t'|``.

    Args:
        gates: [n, C].
        member: [n] the series of each node, ascending.
        far: Whether nodes far from each other matter.
        draws: [n] in [0, 1), for t'.

    Returns:
        [n].

    >>> roughness(torch.tensor([[0.0], [1.0], [1.0]]), torch.tensor([0, 0, 1]), "none", torch.zeros(3)).tolist()
    [1.0, 1.0, 0.0]
    """
    step = (gates[1:] - gates[:-1]).abs().mean(1) * (member[1:] == member[:-1])
    nothing = gates.sum(1)[:1] * 0
    rough = torch.cat([nothing, step]) + torch.cat([step, nothing])
    if far == "none" or not len(gates):
        return rough
    sizes = torch.bincount(member)
    first, size = ((part.index_select(0, member)) for part in (sizes.cumsum(0) - sizes, sizes))
    other = first + torch.minimum((draws.double() * size).long(), size - 1)
    away = (gates - gates.index_select(0, other)).abs().mean(1)
    return rough + (1 - away if far == "apart" else away)


@register("regularizer", "gate_shape", example={"view": "a"})
class GateShape(Term):
    """``relu(mean a - most) + smooth * mean r`` of the gates of ``weigh_values`` (AutoTCL, Zheng et al., ICLR 2024).

    Gates that keep more than a share of the values are paid for, and gates that change over time, r of
    :func:`roughness`. In the authors' code r is taken at one node drawn for each series; here at all. Their term on
    nodes far away pulls these together, the reverse of what it is for: it is left out (``far: apart`` pushes).
    """

    combine = "gather"

    def __init__(  # noqa: D417 - Term documents the common options
        self,
        view: str,
        most: Probability = 0.4,
        smooth: NonNegative = 0.1,
        far: Literal["none", "apart", "together"] = "none",
        **common: Any,
    ) -> None:
        """
        Args:
            view: A view that `weigh_values` made.
            most: Share of the values that may be kept for nothing.
            smooth: Weight of the gates' changes.
            far: Whether gates of nodes far from each other are pushed `apart`, or pulled `together`, too.
        """
        super().__init__(**common)
        self.view, self.most, self.smooth, self.far = view, most, smooth, far

    def group(self, flow: Flow, node_type: str) -> Anchored:
        """One value per node, of which the budget is the same for all."""
        gates, member = self._gates(flow)
        draws = torch.rand(len(gates), generator=flow.generator("gate_shape")).to(gates.device)
        budget = torch.relu(gates.mean() - self.most) if gates.numel() else gates.sum()
        return Anchored(budget + self.smooth * roughness(gates, member, self.far, draws))

    def _gates(self, flow: Flow) -> tuple[Tensor, Tensor]:
        graph = flow.view(self.view).graph
        gates, member = graph.get("gates"), graph.get("batch")
        if gates is None:
            raise UserError(f"gate_shape: view '{self.view}' has no weigh_values, so there are no gates")
        return gates, torch.zeros(len(gates), dtype=torch.int64, device=gates.device) if member is None else member
