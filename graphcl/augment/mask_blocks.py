"""Blocks of a series that are hidden: stretches of time, and bands of neighbouring channels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphcl.augment.plain import plain
from graphcl.augment.rebuild import uniform, with_values
from graphcl.core.options import Count, Probability
from graphcl.core.registry import register
from graphcl.encode.base import BLANK, MASKED, Graph
from graphcl.encode.windows import Windows, read_windows


@plain
def mask_blocks(
    graph: Graph,
    ratio: Probability,
    *,
    width: Count = 7,
    replace: Probability = 0.1,
    keep: Probability = 0.1,
    generator: torch.Generator,
) -> Graph:
    """Hide about ``ratio`` of the nodes of each chain of values, in stretches of ``width`` (TERA, Liu et al., 2021).

    The stretches of a chain begin at nodes drawn without replacement, as many as make up the ratio; they may overlap.
    Of all stretches of a chain together, the values become 0, or, with probability ``replace``, those of stretches
    elsewhere in the chain, or, with probability ``keep``, stay as they are, to be reconstructed all the same.

    Args:
        graph: chains of values.
        ratio: share of the nodes that is hidden; at 0 none, above 0 at least one stretch where the chain is longer.
        width: nodes of a stretch.
        replace: probability that a chain's stretches show other values of it.
        keep: probability that they show their own.
        generator: source of the draws.

    Returns:
        The chains, with ``masked`` [n] bool (the hidden nodes) and ``blank`` [n] bool (those of value 0).

    Raises:
        UserError: the graph is not one of chains of values, or a value is out of range.
    """
    chains = read_windows(graph)
    lengths = chains.ptr.diff()
    room = (lengths - width).clamp_min(0)  # the last place where a stretch fits
    count = (lengths.double() * ratio / width).ceil().long() * (lengths > width)
    masked = _stretches(chains, count, room, width, uniform(len(chains.pos), chains.x, generator))
    fate, shift = uniform(len(lengths), chains.x, generator), uniform(len(lengths), chains.x, generator)
    replaced, kept = (fate < replace), (fate >= replace) & (fate < replace + keep)
    away = 1 + (shift.double() * (lengths - 1)).long()  # every stretch of a chain takes the values so far on
    place = (chains.pos + away.index_select(0, chains.batch)) % lengths.index_select(0, chains.batch)
    other = chains.ptr.index_select(0, chains.batch) + place
    showing, blank = (flag.index_select(0, chains.batch) & masked for flag in (replaced, ~replaced & ~kept))

    shown = torch.where(showing[:, None], chains.x.index_select(0, other), chains.x)
    result = with_values(graph, shown.masked_fill(blank[:, None], 0.0))
    for name, mask in ((MASKED, chains.spread(masked)), (BLANK, chains.spread(blank))):
        result[name] = mask | graph[name] if name in graph else mask
    return result


def _stretches(chains: Windows, count: Tensor, room: Tensor, width: int, draws: Tensor) -> Tensor:
    """[n] bool: the nodes of ``count`` [G] stretches of each chain, whose beginnings are drawn from those that fit."""
    fits = chains.pos <= room.index_select(0, chains.batch)
    order = torch.where(fits, draws, draws + 1).argsort(stable=True)
    order = order.index_select(0, chains.batch.index_select(0, order).argsort(stable=True))
    rank = torch.empty_like(order).index_copy_(0, order, chains.pos)
    begins = (rank < count.index_select(0, chains.batch)) & fits
    total = torch.cat([begins.new_zeros(1, dtype=torch.int64), begins.cumsum(0)])
    node = torch.arange(len(chains.pos), device=begins.device)
    first = torch.maximum(node - width + 1, chains.ptr.index_select(0, chains.batch))
    return total.index_select(0, node + 1) > total.index_select(0, first)


@plain
def mask_band(graph: Graph, most: Probability, *, generator: torch.Generator) -> Graph:
    """Set neighbouring columns of each chain of values to 0, as many as drawn from 0 to ``most`` of them.

    Another band in each chain, along all of it: the channel alteration of TERA, the frequency mask of SpecAugment.

    Args:
        graph: chains of values.
        most: largest share of the columns.
        generator: source of the draws.

    Raises:
        UserError: the graph is not one of chains of values, or a value is out of range.
    """
    chains = read_windows(graph)
    columns, number = chains.x.shape[1], len(chains.ptr) - 1
    draws = uniform((2, number), chains.x, generator).double()
    width = (draws[0] * (int(most * columns) + 1)).long().clamp_max(int(most * columns))
    begin = (draws[1] * (columns - width + 1)).long()
    column = torch.arange(columns, device=chains.x.device)
    hidden = (column >= begin[:, None]) & (column < (begin + width)[:, None])
    return with_values(graph, chains.x.masked_fill(hidden.index_select(0, chains.batch), 0.0))


@register(
    "augmenter", "mask_blocks", example={"ratio": 0.4, "width": 2}, level="graph", stochastic=True, edges="windows",
    row_sets=(MASKED,),
)  # fmt: skip
class MaskBlocks(nn.Module):
    """Hides stretches of each chain of values; see :func:`mask_blocks`. Addresses of the view know rows ``masked``."""

    def __init__(
        self, ratio: Probability = 0.15, width: Count = 7, replace: Probability = 0.1, keep: Probability = 0.1
    ) -> None:
        """
        Args:
            ratio: Share of the nodes that is hidden.
            width: Nodes of a stretch.
            replace: Probability that the stretches of a chain show values from elsewhere in it.
            keep: Probability that they show their own; else they are 0.
        """
        super().__init__()
        self.ratio, self.width, self.replace, self.keep = ratio, width, replace, keep

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The chains with hidden stretches."""
        return mask_blocks(
            graph, self.ratio, width=self.width, replace=self.replace, keep=self.keep, generator=generator
        )


@register("augmenter", "mask_band", example={"most": 0.5}, level="graph", stochastic=True, edges="windows")
class MaskBand(nn.Module):
    """Sets a band of columns of each chain of values to 0; see :func:`mask_band`."""

    def __init__(self, most: Probability = 0.2) -> None:
        """
        Args:
            most: Largest share of the columns; the width is drawn.
        """
        super().__init__()
        self.most = most

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The chains with a band of 0."""
        return mask_band(graph, self.most, generator=generator)
