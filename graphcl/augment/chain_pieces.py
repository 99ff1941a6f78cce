"""What augmenters of chains are made of: draws within each chain, some chains of many, and chains put together."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphcl.augment.rebuild import uniform
from graphcl.encode.base import MASKED, Graph
from graphcl.encode.chains import Chains, read_chains
from graphcl.graph.chain import build_chains

#: Attribute of a graph of chains: how many of them augmenters left as they were, each being too short for its change.
TOO_SHORT = "too_short"


def shares(chains: Chains, ratio: float) -> Tensor:
    """[G] ``floor(ratio L)`` of each chain's length L."""
    return (chains.lengths.double() * ratio + 1e-9).floor().long()  # .29 of 100 is 28.999999999999996


def drawn_nodes(chains: Chains, counts: Tensor, generator: torch.Generator) -> Tensor:
    """[n] bool: ``counts`` [G] nodes of each chain, drawn without replacement."""
    order = sorted_within(chains, uniform(len(chains.item), chains.item, generator))
    rank = torch.empty_like(order).index_copy_(0, order, chains.pos)
    return rank < counts.index_select(0, chains.batch)


def sorted_within(chains: Chains, keys: Tensor) -> Tensor:
    """[n] the nodes, each chain's ascending by key [n] and in the place of the chain."""
    order = keys.argsort(stable=True)
    return order.index_select(0, chains.batch.index_select(0, order).argsort(stable=True))


def drawn_windows(chains: Chains, widths: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A piece of ``widths`` [G] nodes of each chain, wherever it fits with equal probability.

    Returns:
        [n] bool, whether a node is in the piece of its chain; and [n] where that piece begins in the chain.
    """
    room = chains.lengths - widths
    draws = uniform(len(widths), chains.item, generator).double()
    begin = torch.minimum((draws * (room + 1)).long(), room).index_select(0, chains.batch)
    place = chains.pos - begin
    return (place >= 0) & (place < widths.index_select(0, chains.batch)), begin


def last_nodes(batch: Tensor, most: int) -> Tensor:
    """Positions of the last ``most`` nodes of each chain, by the chain of each node [n]."""
    end = torch.bincount(batch).cumsum(0).index_select(0, batch)
    return (end - torch.arange(len(batch), device=batch.device) <= most).nonzero().view(-1)


def changed(
    graph: Graph, item: Tensor, *, too_short: Tensor, nodes: Tensor | None = None, order: Tensor | None = None
) -> Data:
    """Chains of other items.

    Args:
        graph: the chains as they were; its own count of chains that were too short is added to.
        item: [m] of the new nodes, chain after chain.
        too_short: [G] bool, the chains that are left as they were.
        nodes: [m] the old node that each new one stands for, ascending; None where all stay.
        order: [m] the old node whose item each new one has, where items change places and times do not.
    """
    chains = read_chains(graph)
    ptr, time = chains.ptr.clone(), graph.get("time")
    if nodes is not None:
        lengths = torch.bincount(chains.batch.index_select(0, nodes), minlength=len(ptr) - 1)
        ptr = torch.cat([ptr[:1], lengths.cumsum(0)])
    if time is not None:
        time = time.clone() if nodes is None else time.index_select(0, nodes)
    result = build_chains(item, ptr, num_items=chains.num_items, time=time)
    result[TOO_SHORT] = number_too_short(graph) + int(too_short.sum())
    came_from = nodes if order is None else order
    return marked(result, _masked(graph) if came_from is None else _masked(graph, came_from))


def marked(graph: Data, masked: Tensor | None) -> Data:
    """The graph, ``masked`` [n] bool saying which of its nodes lost their item to :func:`mask_items`, if any have."""
    if masked is not None:
        graph[MASKED] = masked & (graph.item == graph.num_items)
    return graph


def _masked(graph: Graph, nodes: Tensor | None = None) -> Tensor | None:
    """Which of the nodes, or of some of them, are marked as masked; None where nothing was."""
    known = graph.get(MASKED)
    return known if known is None or nodes is None else known.index_select(0, nodes)


def number_too_short(graph: Graph) -> int:
    """How many chains augmenters have left as they were."""
    known = graph.get(TOO_SHORT)
    return 0 if known is None else int(torch.as_tensor(known).sum())


def take_chains(graph: Graph, which: Tensor) -> Data:
    """The chains ``which`` [K], in that order."""
    chains = read_chains(graph)
    lengths = chains.lengths.index_select(0, which)
    ptr = torch.cat([chains.ptr[:1], lengths.cumsum(0)])
    shift = chains.ptr.index_select(0, which) - ptr[:-1]
    nodes = torch.arange(int(ptr[-1]), device=which.device) + torch.repeat_interleave(shift, lengths)
    time = graph.get("time")
    time = None if time is None else time.index_select(0, nodes)
    taken = build_chains(chains.item.index_select(0, nodes), ptr, num_items=chains.num_items, time=time)
    return marked(taken, _masked(graph, nodes))


def left_as_they_are(graph: Graph) -> Data:
    """The chains, all counted as too short."""
    chains = read_chains(graph)
    return changed(graph, chains.item.clone(), too_short=chains.lengths > 0)


def join_chains(parts: Sequence[tuple[Tensor, Graph]], too_short: int = 0) -> Data:
    """The chains of several graphs in one.

    Args:
        parts: the numbers [K] that the chains of a graph have in the result, and the graph; one or more.
        too_short: chains that were left as they were before, beside those of the graphs.
    """
    read = [read_chains(graph) for _, graph in parts]
    ptr = torch.cat([read[0].ptr[:1], torch.cat([chains.lengths for chains in read]).cumsum(0)])
    times = [graph.get("time") for _, graph in parts]
    time = None if times[0] is None else torch.cat(times)
    items = torch.cat([chains.item for chains in read])
    together = build_chains(items, ptr, num_items=read[0].num_items, time=time)
    if any(MASKED in graph for _, graph in parts):
        none = (torch.zeros_like(chains.item, dtype=torch.bool) for chains in read)
        marked(together, torch.cat([graph.get(MASKED, no) for (_, graph), no in zip(parts, none, strict=True)]))
    result = take_chains(together, torch.cat([which for which, _ in parts]).argsort())
    result[TOO_SHORT] = too_short + sum(number_too_short(graph) for _, graph in parts)
    return result
