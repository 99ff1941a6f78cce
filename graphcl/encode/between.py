"""A decoder over time: what a node is in a frame, from what it is in the frames before and after."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from graphcl.core.options import Index
from graphcl.core.registry import register
from graphcl.encode.base import MASKED, Graph, View
from graphcl.encode.features import node_features
from graphcl.encode.layer import Layer
from graphcl.encode.weights import initial


def nearest_shown(hidden: Tensor, first: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
    """For each thing in each frame the nearest frame before it, and after it, in which the thing is shown.

    >>> hidden = torch.tensor([[False], [True], [True], [False]])
    >>> before, after = nearest_shown(hidden, torch.zeros(4).long(), torch.full((4,), 3))
    >>> before.flatten().tolist(), after.flatten().tolist()
    ([-1, 0, 0, 0], [3, 3, 3, -1])

    Args:
        hidden: [F, R] bool, R things in F frames of all graphs, which lie one after the other.
        first: [F], the first frame of each frame's graph.
        last: [F], its last frame.

    Returns:
        Two of [F, R], numbers of frames; -1 where there is none on that side.
    """
    count = len(hidden)
    frame = torch.arange(count, device=hidden.device)[:, None].expand_as(hidden)
    none = frame.new_full((1, hidden.shape[1]), -1)
    before = torch.cat([none, frame.masked_fill(hidden, -1).cummax(0).values])[:-1]
    after = frame.masked_fill(hidden, count).flip(0).cummin(0).values.flip(0)
    after = torch.cat([after, none + 1 + count])[1:]
    return before.masked_fill(before < first[:, None], -1), after.masked_fill(after > last[:, None], -1)


def around_in_time(graph: Graph) -> tuple[Tensor, Tensor]:
    """For each node the nodes that are the same thing in the nearest shown frames before and after, -1 for none.

    Nodes of a frame lie beside each other, ``joints`` of them; in a graph without frames there is nothing around.
    """
    count, device = int(graph.num_nodes or 0), node_features(graph).device
    joints = graph.get("joints")
    if joints is None or not len(joints):
        nothing = torch.full((count,), -1, device=device)
        return nothing, nothing
    things, ptr = int(joints[0]), graph.get("ptr")
    ends = torch.tensor([0, count], device=device) if ptr is None else ptr
    frames = ends // things
    member = torch.arange(len(frames) - 1, device=device).repeat_interleave(frames.diff())
    masked = graph.get(MASKED) if MASKED in graph else None
    hidden = torch.zeros(count, dtype=torch.bool, device=device) if masked is None else masked
    first, last = frames[:-1].index_select(0, member), frames[1:].index_select(0, member) - 1
    own = torch.arange(things, device=device)
    sides = nearest_shown(hidden.view(-1, things), first, last)
    before, after = ((side * things + own).masked_fill(side < 0, -1).view(-1) for side in sides)
    return before, after


@register("head", "between", example={"dim": 4})
class Between(nn.Module):
    """Decodes a node from its latents in two other frames, the nearest before and after in which it is shown.

    The temporal reconstruction of Choi et al. (2023, arXiv 2312.01994): a hidden window of a scan from windows around
    it. What is decoded has seen nothing of the frame itself as long as the tower reads each frame alone. Only hidden
    nodes are decoded (rows ``masked`` of the view), the others are 0; where nothing is hidden, all of them are.
    """

    #: It is called with the view, whose frames and masked nodes it needs.
    wants_view: ClassVar[bool] = True

    def __init__(self, dim: Index = 0, *, in_dim: int, graph: Graph, generator: torch.Generator) -> None:
        """
        Args:
            dim: Width of the output; 0 takes that of the node features.
            in_dim: Width of the latent (supplied).
            graph: A training graph, for the width of its features (supplied).
            generator: Source of the initial weights (supplied).
        """
        super().__init__()
        self.out_dim = dim or node_features(graph).shape[1]
        self.missing = nn.Parameter(initial((2, in_dim), "normal", generator, 0.02))
        self.layers = nn.Sequential(
            Layer(2 * in_dim, in_dim, activation="relu", generator=generator),
            Layer(in_dim, self.out_dim, generator=generator),
        )

    def forward(self, latent: Tensor, view: View) -> Tensor:
        """[N, in_dim] -> [N, dim]."""
        masked = view.graph.get(MASKED) if MASKED in view.graph else None
        rows = torch.arange(len(latent), device=latent.device) if masked is None else masked.nonzero().view(-1)
        seen = [self._side(latent, side.index_select(0, rows), n) for n, side in enumerate(around_in_time(view.graph))]
        decoded = self.layers(torch.cat(seen, dim=1))
        return decoded.new_zeros(len(latent), self.out_dim).index_copy(0, rows, decoded)

    def _side(self, latent: Tensor, nodes: Tensor, number: int) -> Tensor:
        """[M, in_dim], the latents of these nodes; a learnt row where there is none."""
        there = (nodes >= 0)[:, None]
        return torch.where(there, latent.index_select(0, nodes.clamp_min(0)), self.missing[number])
