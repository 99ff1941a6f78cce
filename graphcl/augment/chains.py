"""Augmenters of histories: crop, mask and reorder (CL4SRec, Xie et al., ICDE 2022, section III-C).

Each takes chains of :func:`graphcl.graph.chain.build_chains`, one or many, and gives chains. Their number and order
stay, and each keeps at least one item. A chain that is too short to be changed is left as it is and counted in the
result's ``too_short``, which adds up over augmenters.
"""

from __future__ import annotations

import torch
from torch import nn
from torch_geometric.data import Data

from graphcl.augment.chain_pieces import changed, drawn_nodes, drawn_windows, shares, sorted_within
from graphcl.augment.plain import plain
from graphcl.augment.rebuild import uniform
from graphcl.core.options import Probability
from graphcl.core.registry import register
from graphcl.encode.base import Graph
from graphcl.encode.chains import read_chains


@plain
def crop_chain(graph: Graph, ratio: Probability, *, generator: torch.Generator) -> Data:
    """Keep a random piece of ``floor(ratio L)`` items in a row, at least one, of each chain of L.

    >>> from graphcl.graph.chain import build_chains
    >>> chains = build_chains(torch.arange(7), torch.tensor([0, 6, 7]), num_items=7)
    >>> crop_chain(chains, 0.5, generator=torch.Generator().manual_seed(0)).item.tolist()
    [1, 2, 3, 6]

    Args:
        graph: chains.
        ratio: share of a chain that is kept.
        generator: source of the draws.

    Raises:
        UserError: the graph is not one of chains, or a value is out of range.
    """
    chains = read_chains(graph)
    inside, _ = drawn_windows(chains, shares(chains, ratio).clamp_min(1), generator)
    kept = inside.nonzero().view(-1)
    return changed(graph, chains.item.index_select(0, kept), nodes=kept, too_short=chains.lengths < 2)


@plain
def mask_items(graph: Graph, ratio: Probability, *, generator: torch.Generator) -> Data:
    """Put the mask token, ``num_items``, in the place of ``floor(ratio L)`` random items of each chain of L.

    Args:
        graph: chains.
        ratio: share of a chain that is hidden.
        generator: source of the draws.

    Raises:
        UserError: the graph is not one of chains, or a value is out of range.
    """
    chains = read_chains(graph)
    counts = shares(chains, ratio)
    item = chains.item.masked_fill(drawn_nodes(chains, counts, generator), chains.num_items)
    return changed(graph, item, too_short=(counts < 1) & (ratio > 0))


@plain
def reorder_chain(graph: Graph, ratio: Probability, *, generator: torch.Generator) -> Data:
    """Shuffle a random piece of ``floor(ratio L)`` items in a row of each chain of L. Times stay where they are.

    Args:
        graph: chains.
        ratio: share of a chain that is shuffled.
        generator: source of the draws.

    Raises:
        UserError: the graph is not one of chains, or a value is out of range.
    """
    chains = read_chains(graph)
    widths = shares(chains, ratio)
    inside, begin = drawn_windows(chains, widths, generator)
    draws = uniform(len(inside), chains.item, generator).double()
    width = widths.index_select(0, chains.batch)
    order = sorted_within(chains, torch.where(inside, begin + width * draws, chains.pos.double()))
    return changed(graph, chains.item.index_select(0, order), too_short=(widths < 2) & (ratio > 0))


@register("augmenter", "crop_chain", example={"ratio": 0.5}, level="graph", stochastic=True, edges="chains")
class CropChain(nn.Module):
    """Keeps a piece of each chain; see :func:`crop_chain`."""

    def __init__(self, ratio: Probability = 0.6) -> None:
        """
        Args:
            ratio: Share of a chain that is kept, rounded down, at least one item.
        """
        super().__init__()
        self.ratio = ratio

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Data:
        """The cropped chains."""
        return crop_chain(graph, self.ratio, generator=generator)


@register("augmenter", "mask_items", example={"ratio": 0.5}, level="graph", stochastic=True, edges="chains")
class MaskItems(nn.Module):
    """Hides items of each chain behind the mask token; see :func:`mask_items`."""

    def __init__(self, ratio: Probability = 0.3) -> None:
        """
        Args:
            ratio: Share of a chain that is hidden, rounded down.
        """
        super().__init__()
        self.ratio = ratio

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Data:
        """The chains with hidden items."""
        return mask_items(graph, self.ratio, generator=generator)


@register("augmenter", "reorder_chain", example={"ratio": 0.5}, level="graph", stochastic=True, edges="chains")
class ReorderChain(nn.Module):
    """Shuffles a piece of each chain; see :func:`reorder_chain`."""

    def __init__(self, ratio: Probability = 0.6) -> None:
        """
        Args:
            ratio: Share of a chain that is shuffled, rounded down.
        """
        super().__init__()
        self.ratio = ratio

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Data:
        """The chains in another order."""
        return reorder_chain(graph, self.ratio, generator=generator)
