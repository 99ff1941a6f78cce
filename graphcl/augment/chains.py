"""Augmenters of histories: crop, mask and reorder (CL4SRec, Xie et al., ICDE 2022, section III-C); a mask at the end.

Each takes chains of :func:`graphcl.graph.chain.build_chains`, one or many, and gives chains. Their number and order
stay, and each keeps at least one item. A chain that is too short to be changed is left as it is and counted in the
result's ``too_short``, which adds up over augmenters.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn
from torch_geometric.data import Data

from graphcl.augment.chain_pieces import (
    changed,
    drawn_nodes,
    drawn_windows,
    last_nodes,
    marked,
    shares,
    sorted_within,
)
from graphcl.augment.plain import plain
from graphcl.augment.rebuild import uniform
from graphcl.core.options import Index, Probability
from graphcl.core.registry import register
from graphcl.encode.base import MASKED, Graph
from graphcl.encode.chains import read_chains

#: Which items of a chain are hidden.
Where = Literal["anywhere", "end"]


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
def mask_items(
    graph: Graph, ratio: Probability, *, at_least: Index = 0, where: Where = "anywhere", generator: torch.Generator
) -> Data:
    """Put the mask token, ``num_items``, in the place of ``floor(ratio L)`` items of each chain of L.

    Args:
        graph: chains.
        ratio: share of a chain that is hidden.
        at_least: items that are hidden however small their share, as long as one is left.
        where: drawn anywhere in a chain, or the items at its end.
        generator: source of the draws.

    Returns:
        The chains with, beside ``item``, ``masked`` [n] bool: the nodes that were hidden here or before.

    Raises:
        UserError: the graph is not one of chains, or a value is out of range.
    """
    chains = read_chains(graph)
    counts = torch.maximum(shares(chains, ratio), (chains.lengths - 1).clamp_max(at_least))
    if where == "end":
        hidden = chains.pos >= (chains.lengths - counts).index_select(0, chains.batch)
    else:
        hidden = drawn_nodes(chains, counts, generator)
    result = changed(
        graph, chains.item.masked_fill(hidden, chains.num_items), too_short=(counts < 1) & (ratio > 0 or at_least > 0)
    )
    return marked(result, hidden | result[MASKED] if MASKED in result else hidden)


@plain
def append_mask(graph: Graph, *, max_len: Index = 0) -> Data:
    """Put the mask token behind the last item of each chain: its latent is that of what comes next (BERT4Rec).

    >>> from graphcl.graph.chain import build_chains
    >>> chains = build_chains(torch.arange(4), torch.tensor([0, 3, 4]), num_items=7)
    >>> append_mask(chains, max_len=3).item.tolist()
    [1, 2, 7, 3, 7]

    Args:
        graph: chains. Where there are times, the new node has that of the last item.
        max_len: longer chains than this leave their oldest items out, the mask being one of them; 0 for any length.

    Raises:
        UserError: the graph is not one of chains, or a value is out of range.
    """
    chains = read_chains(graph)
    nodes = torch.arange(len(chains.item), device=chains.item.device)
    last = torch.zeros_like(nodes, dtype=torch.bool).index_fill_(0, chains.last, True)
    nodes = torch.repeat_interleave(nodes, 1 + last.long())
    added = last.index_select(0, nodes)
    added[1:] &= nodes[1:] == nodes[:-1]
    item = chains.item.index_select(0, nodes).masked_fill(added, chains.num_items)
    if max_len:
        kept = last_nodes(chains.batch.index_select(0, nodes), max_len)
        nodes, item, added = (values.index_select(0, kept) for values in (nodes, item, added))
    result = changed(graph, item, nodes=nodes, too_short=torch.zeros_like(chains.lengths, dtype=torch.bool))
    return marked(result, result[MASKED] & ~added if MASKED in result else None)


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
    return changed(graph, chains.item.index_select(0, order), too_short=(widths < 2) & (ratio > 0), order=order)


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


@register(
    "augmenter", "mask_items", example={"ratio": 0.5}, level="graph", stochastic=True, edges="chains",
    row_sets=("masked",),
)  # fmt: skip
class MaskItems(nn.Module):
    """Hides items of each chain behind the mask token; see :func:`mask_items`. Addresses of the view then know the
    rows ``masked``.
    """

    def __init__(self, ratio: Probability = 0.3, at_least: Index = 0, where: Where = "anywhere") -> None:
        """
        Args:
            ratio: Share of a chain that is hidden, rounded down.
            at_least: Items that are hidden however small their share, as long as one is left.
            where: Drawn anywhere in a chain, or the items at its end.
        """
        super().__init__()
        self.ratio, self.at_least, self.where = ratio, at_least, where

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Data:
        """The chains with hidden items."""
        return mask_items(graph, self.ratio, at_least=self.at_least, where=self.where, generator=generator)


@register("augmenter", "append_mask", example={}, level="graph", stochastic=False, edges="chains")
class AppendMask(nn.Module):
    """Puts the mask token at the end of each chain; see :func:`append_mask`."""

    def __init__(self, max_len: Index = 50) -> None:
        """
        Args:
            max_len: Longer chains than this, the tower's limit, keep their last items only; 0 for any length.
        """
        super().__init__()
        self.max_len = max_len

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Data:
        """The longer chains; nothing is drawn."""
        return append_mask(graph, max_len=self.max_len)


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
