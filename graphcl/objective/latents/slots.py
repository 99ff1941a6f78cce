"""Slots: what the nodes of a graph that are assigned to one prototype have in common."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from graphcl.core.options import Positive
from graphcl.core.registry import register
from graphcl.graph.batch import pointer
from graphcl.objective.base import Rows
from graphcl.objective.kernels import widen

#: Added to every share, so that a slot that no node is near to is the mean of all.
EPS = 1e-6


def attend_slots(x: Tensor, scores: Tensor, member: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Attentive pooling of the nodes of each graph (SlotCon, Wen et al., NeurIPS 2022, section 3.2).

    ``s_k = sum_n A_nk x_n / sum_n A_nk`` with ``A_n = softmax(scores_n / t) + 1e-6``.

    Args:
        x: [N, d].
        scores: [N, K] of nodes to prototypes.
        member: [N] the graph of each node, in ascending order.
        temperature: t.

    Returns:
        The slots of each graph [G, K, d], and which of them [G, K] are the best of at least one node.

    Example:
        >>> x, scores = torch.tensor([[1.0], [3.0], [7.0]]), torch.tensor([[9.0, 0.0], [9.0, 0.0], [8.0, 0.0]])
        >>> slots, best = attend_slots(x, scores, torch.tensor([0, 0, 1]), 0.1)
        >>> slots[:, 0, 0].tolist(), best.tolist()
        ([2.0, 7.0], [[True, False], [True, False]])
    """
    x, scores = widen(x), widen(scores)
    graphs = int(member.max()) + 1 if len(member) else 0
    sizes = torch.bincount(member, minlength=graphs)
    most = int(sizes.max()) if graphs else 0
    where = member * most + torch.arange(len(member), device=member.device) - pointer(sizes)[member]
    share = (scores / temperature).softmax(1) + EPS

    def by_graph(rows: Tensor) -> Tensor:  # [G, most, ...], 0 where a graph has fewer nodes
        return rows.new_zeros(graphs * most, rows.shape[1]).index_copy(0, where, rows).view(graphs, most, rows.shape[1])

    shares = by_graph(share)
    slots = shares.transpose(1, 2) @ by_graph(x) / shares.sum(1).unsqueeze(2).clamp_min(EPS)
    best = torch.zeros(graphs, scores.shape[1], dtype=torch.bool, device=scores.device)
    best[member, scores.argmax(1)] = True
    return slots, best


@register("augmenter", "slots", example={"codes": "codes"}, level="latent", stochastic=False, beside=("codes",))
class Slots(nn.Module):
    """Slots of each graph; see :func:`attend_slots`. Those that are no node's best are left out.

    Rows are slots, their ids graph * K + prototype: under ``info_nce`` a slot finds that of the same prototype in the
    other view of its graph, among all slots of the batch, if both views have it (SlotCon's contrast).
    """

    own_rows: ClassVar[bool] = True

    def __init__(self, codes: str, temperature: Positive = 0.07) -> None:
        """
        Args:
            codes: Level with the scores of nodes to prototypes: a head `prototypes` of the same tower.
            temperature: How soft the assignment is.
        """
        super().__init__()
        self.beside = {"codes": codes}
        self.temperature = temperature

    def forward(self, latent: Tensor, *, codes: Rows, generator: torch.Generator) -> Rows:
        """[N, d] -> the slots that are some node's best."""
        scores = codes.values
        member = torch.zeros(len(latent), dtype=torch.int64, device=latent.device)
        slots, best = attend_slots(latent, scores, member if codes.member is None else codes.member, self.temperature)
        ids = best.flatten().nonzero().squeeze(1)
        return Rows(slots.flatten(0, 1).index_select(0, ids).to(latent.dtype), None, ids)
