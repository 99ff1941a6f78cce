"""The augmenter that adds edges."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from graphcl.augment.drop_edges import drop_edges
from graphcl.augment.plain import plain
from graphcl.augment.rebuild import (
    ORIG_ID,
    batch_vector,
    edge_stores,
    edge_units,
    ends,
    is_edge_level,
    map_tensors,
    node_counts,
    pair_keys,
    renew_slices,
    uniform,
)
from graphcl.core.options import NonNegative, Probability
from graphcl.core.registry import register
from graphcl.encode.base import Graph


@plain
def add_edges(graph: Graph, p: NonNegative, *, symmetric: bool = True, generator: torch.Generator) -> Graph:
    """Add up to ``p`` times as many edges as there are, between nodes drawn uniformly.

    Draws that hit a self loop or an edge that exists already are left out. In a batch both ends lie in one
    graph, which receives new edges in proportion to those it has. An added edge has the weight and attributes of an
    existing edge drawn at random.

    Args:
        graph: any PyG graph.
        p: number of draws, as a share of the edges (of the pairs, where ``symmetric``) of each edge type.
        symmetric: add both directions, within an edge type or across two that mirror each other.
        generator: source of the draws.
    """
    stores = edge_stores(graph)
    units, _ = edge_units(graph, symmetric)
    added: dict[int, tuple[Tensor, Tensor]] = {}
    for position, store in enumerate(stores):
        if position in added:
            continue
        partner = _partner(units, position)
        edges, model = _new_edges(graph, store, round(p * units[position].unique().numel()), symmetric, generator)
        source, target = ends(graph, store)
        if symmetric and source == target:
            edges, model = torch.cat([edges, edges.flip(0)], dim=1), torch.cat([model, model])
        elif partner is not None:
            added[partner] = edges.flip(0), _same_unit(units[position], units[partner], model)
        added[position] = edges, model
    return append_edges(graph, {id(stores[position]): value for position, value in added.items()})


@plain
def perturb_edges(graph: Graph, p: Probability, *, symmetric: bool = True, generator: torch.Generator) -> Graph:
    """Drop each edge with probability ``p`` and add as many at random: GraphCL's edge perturbation (You et al.,
    NeurIPS 2020). :func:`add_edges` after :func:`~graphcl.augment.drop_edges.drop_edges`.

    Args:
        graph: any PyG graph.
        p: the dropped share, and the number of edges drawn as a share of those there were.
        symmetric: whether the two directions of an edge share one fate.
        generator: source of the draws.
    """
    left = drop_edges(graph, p, symmetric=symmetric, generator=generator)
    # As a share of the edges that are left; of none there is no share.
    return add_edges(left, p / (1.0 - p) if p < 1.0 else 0.0, symmetric=symmetric, generator=generator)


def _partner(units: list[Tensor], position: int) -> int | None:
    """The later edge store that shares its draws with this one."""
    mine = units[position]
    for other in range(position + 1, len(units)):
        if mine.numel() and units[other].numel() and int(units[other].min()) == int(mine.min()):
            return other
    return None


def _same_unit(unit: Tensor, other: Tensor, model: Tensor) -> Tensor:
    """The edges of the mirrored store that share the units of the edges ``model``."""
    where = torch.empty_like(other).index_copy_(
        0, other - other.min(), torch.arange(other.numel(), device=other.device)
    )
    return where.index_select(0, unit.index_select(0, model) - unit.min())


def _new_edges(
    graph: Graph, store: Any, draws: int, symmetric: bool, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """New edges [2, A], and for each the existing edge it takes its attributes from [A]."""
    edges: Tensor = store.edge_index
    (source, target), counts = ends(graph, store), node_counts(graph)
    numbers = uniform((3, draws), edges, generator)

    def pick(row: Tensor, count: Tensor | int) -> Tensor:
        return (row * count).long().clamp_max(torch.as_tensor(count, device=row.device) - 1)

    new_source = pick(numbers[0], counts[source])
    if source == target:
        if batch_vector(graph) is not None:  # within the graph of an edge drawn at random
            anchors = edges[0].index_select(0, pick(uniform(draws, edges, generator), edges.shape[1]))
            first, size = _own_graph(graph, anchors, counts[source])
            new_source = first + pick(numbers[0], size)
        else:
            first, size = _own_graph(graph, new_source, counts[source])
        step = pick(numbers[1], (size - 1).clamp_min(0)).clamp_min(0) + 1
        new_target = first + (new_source - first + step) % size
    else:
        new_target = pick(numbers[1], counts[target])
    new = torch.stack([new_source, new_target])
    fresh = _fresh(new, edges, loops=source != target, undirected=symmetric and source == target)
    return new[:, fresh], pick(numbers[2], edges.shape[1])[fresh]


def _own_graph(graph: Graph, nodes: Tensor, total: int) -> tuple[Tensor, Tensor]:
    """First node and size of the graph of a batch that each node belongs to (of the whole without a batch)."""
    batch = batch_vector(graph)
    if batch is None:
        return torch.zeros_like(nodes), torch.full_like(nodes, total)
    size = torch.bincount(batch)
    member = batch.index_select(0, nodes)
    return (size.cumsum(0) - size).index_select(0, member), size.index_select(0, member)


def _fresh(new: Tensor, edges: Tensor, *, loops: bool, undirected: bool) -> Tensor:
    """[A] bool: the first of each new pair, unless it is an edge already or a loop that may not be."""
    if not new.numel() or not edges.numel():
        return torch.zeros(new.shape[1], dtype=torch.bool, device=new.device)
    base = int(torch.maximum(new.max(), edges.max())) + 1

    def keys(pairs: Tensor) -> Tensor:
        return pair_keys(pairs.sort(dim=0).values if undirected else pairs, base)

    wanted = keys(new)
    _, inverse = wanted.unique(return_inverse=True)
    position = torch.arange(wanted.numel(), device=new.device)
    first = torch.full_like(position, wanted.numel()).scatter_reduce(0, inverse, position, "amin")
    fresh = (first.index_select(0, inverse) == position) & ~torch.isin(wanted, keys(edges))
    return fresh if loops else fresh & (new[0] != new[1])


def append_edges(graph: Graph, added: dict[int, tuple[Tensor, Tensor]]) -> Graph:
    """The graph with edges appended; their attributes are those of the edges they are modelled on.

    Args:
        graph: any PyG graph.
        added: id of an edge store -> new edges [2, A], and for each the existing edge that it is modelled on [A].
    """

    def change(store: Any, name: str, value: Tensor) -> Tensor:
        if id(store) not in added or not is_edge_level(store, name):
            return value.clone()
        edges, model = added[id(store)]
        if name == "edge_index":
            return torch.cat([value, edges], dim=1)
        if name == ORIG_ID:
            return torch.cat([value, torch.full_like(model, -1)])
        dim = graph.__cat_dim__(name, value, store)
        return torch.cat([value, value.index_select(dim, model.to(value.device))], dim=dim)

    result = map_tensors(graph, change)
    for before, after in zip(edge_stores(graph), edge_stores(result), strict=True):
        if ORIG_ID not in before:
            old = torch.arange(before.edge_index.shape[1], device=before.edge_index.device)
            after[ORIG_ID] = torch.cat([old, torch.full_like(added[id(before)][1], -1)])
    return renew_slices(result)


@register("augmenter", "add_edges", example={"p": 0.5}, level="graph", stochastic=True, edges="more")
class AddEdges(nn.Module):
    """Adds random edges; see :func:`add_edges`."""

    def __init__(self, p: NonNegative = 0.1, symmetric: bool = True) -> None:
        """
        Args:
            p: Number of edges drawn, as a share of those there are.
            symmetric: Whether both directions are added.
        """
        super().__init__()
        self.p, self.symmetric = p, symmetric

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The graph with the new edges after the old ones; in a batch, after those of their graph."""
        return add_edges(graph, self.p, symmetric=self.symmetric, generator=generator)


@register("augmenter", "perturb_edges", example={"p": 0.5}, level="graph", stochastic=True, edges="any")
class PerturbEdges(nn.Module):
    """Drops edges and adds as many; see :func:`perturb_edges`."""

    def __init__(self, p: Probability = 0.1, symmetric: bool = True) -> None:
        """
        Args:
            p: Probability that an edge is dropped, and the share of edges that is added.
            symmetric: Whether the two directions of an edge share one fate.
        """
        super().__init__()
        self.p, self.symmetric = p, symmetric

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The graph with other edges."""
        return perturb_edges(graph, self.p, symmetric=self.symmetric, generator=generator)
