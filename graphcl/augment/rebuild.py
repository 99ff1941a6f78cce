"""Building a changed graph out of an unchanged one: what every graph-level augmenter shares.

The result never shares storage with the input. Nodes keep their number and order, so it needs no ``orig_id``;
where edges are removed or added, each edge store gets ``edge_orig_id`` [E'], the position of the edge in
the graph that the first augmenter was given (-1 for an added edge).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data, HeteroData

from graphcl.core.errors import UserError
from graphcl.encode.base import KEPT, Graph

ORIG_ID = "edge_orig_id"


def map_tensors(graph: Graph, change: Callable[[Any, str, Tensor], Tensor]) -> Graph:
    """A copy of the graph with ``change(store, name, tensor)`` in the place of every tensor."""
    result = copy.copy(graph)
    for before, after in zip(graph.stores, result.stores, strict=True):
        for name, value in before.items():
            if isinstance(value, Tensor):
                after[name] = change(before, name, value)
    if isinstance(graph, Data) and graph.num_nodes is not None:
        result.num_nodes = graph.num_nodes  # else it would be inferred from the edges that are left
    return result


def with_values(graph: Graph, x: Tensor) -> Graph:
    """A copy of a graph of windows with other values, [n, C] by row or by node."""
    return map_tensors(graph, lambda _, name, value: x.reshape(value.shape) if name == "x" else value.clone())


def edge_stores(graph: Graph) -> list[Any]:
    """The stores that hold ``edge_index``, one for each edge type.

    Raises:
        UserError: the graph has no edges of that form.
    """
    stores = [store for store in graph.edge_stores if "edge_index" in store]
    if not stores:
        raise UserError("the graph has no edge_index to change (adj_t and dense adjacencies are not read)")
    return stores


def check_ends(graph: Graph) -> None:
    """See that each edge joins nodes that are there.

    Raises:
        UserError: names the first type and node that is not.
    """
    counts = node_counts(graph)
    for store in edge_stores(graph):
        for nodes, node_type in zip(store.edge_index, ends(graph, store), strict=True):
            count = counts[node_type]
            if nodes.numel() and not 0 <= int(nodes.min()) <= int(nodes.max()) < count:
                node = int(nodes.min()) if int(nodes.min()) < 0 else int(nodes.max())
                of = f" of type {node_type!r}" if node_type else ""
                raise UserError(f"an edge names node {node}{of}, but there are {count:,} (counted from 0)")


def ends(graph: Graph, store: Any) -> tuple[str, str]:
    """(source type, target type) of an edge store; "" in a homogeneous graph."""
    return (store._key[0], store._key[2]) if isinstance(graph, HeteroData) else ("", "")


def edge_units(graph: Graph, symmetric: bool) -> tuple[list[Tensor], int]:
    """Which edges share a draw.

    Args:
        graph: any graph.
        symmetric: whether the two directions of an edge share one, within an edge type or across two that
            mirror each other (``user -> item`` and ``item -> user``). A directed edge without a mirror
            image is a unit of its own.

    Returns:
        For each edge store the unit of each edge [E], and the number of units.
    """
    stores = edge_stores(graph)
    units: dict[int, Tensor] = {}
    total = 0
    for position, store in enumerate(stores):
        if position in units:
            continue
        edges: Tensor = store.edge_index
        unit, count = torch.arange(edges.shape[1], device=edges.device), edges.shape[1]
        source, target = ends(graph, store)
        if symmetric and source == target:
            unit, count = _undirected_pairs(edges)
        elif symmetric:
            for other in range(position + 1, len(stores)):
                if other not in units and ends(graph, stores[other]) == (target, source):
                    partner = _mirror(edges, stores[other].edge_index)
                    if partner is not None:
                        units[other] = total + partner
                        break
        units[position] = total + unit
        total += count
    return [units[position] for position in range(len(stores))], total


def _undirected_pairs(edges: Tensor) -> tuple[Tensor, int]:
    """A number for each unordered pair of nodes [E], and how many there are."""
    if edges.shape[1] == 0:
        return edges[0], 0
    keys, unit = torch.unique(pair_keys(edges.sort(dim=0).values), return_inverse=True)
    return unit, keys.numel()


def pair_keys(edges: Tensor, base: int | None = None) -> Tensor:
    """One integer [E] for each ordered pair of nodes; ``base`` exceeds every node position."""
    return edges[0] * (int(edges.max()) + 1 if base is None else base) + edges[1]


def _mirror(edges: Tensor, back: Tensor) -> Tensor | None:
    """For each edge of ``back`` the position of its mirror image in ``edges``; None unless all have one."""
    flipped = back.flip(0)
    if edges.shape != back.shape:
        return None
    if torch.equal(edges, flipped):
        return torch.arange(edges.shape[1], device=edges.device)
    base = int(torch.stack([edges, flipped]).max()) + 1
    keys, order = pair_keys(edges, base).sort(stable=True)
    back_keys, back_order = pair_keys(flipped, base).sort(stable=True)
    if not torch.equal(keys, back_keys):
        return None
    return torch.empty_like(order).index_copy_(0, back_order, order)


def select_edges(graph: Graph, keep: Sequence[Tensor]) -> Graph:
    """The graph with only some of its edges; everything that belongs to an edge goes with it.

    Args:
        graph: any graph.
        keep: for each edge store [E] bool.
    """
    stores = edge_stores(graph)
    index = {id(store): mask.nonzero().view(-1) for store, mask in zip(stores, keep, strict=True)}

    def change(store: Any, name: str, value: Tensor) -> Tensor:
        if id(store) not in index or not is_edge_level(store, name):
            return value.clone()
        return value.index_select(graph.__cat_dim__(name, value, store), index[id(store)].to(value.device))

    result = map_tensors(graph, change)
    for before, after in zip(stores, edge_stores(result), strict=True):
        if ORIG_ID not in before:
            after[ORIG_ID] = index[id(before)]
    return renew_slices(result)


def renew_slices(graph: Graph) -> Graph:
    """The same graph; of a batch, with edges in the order of their graphs and a record of where each graph's begin.

    ``to_data_list`` reads that record, which would else be that of the unchanged batch. ``edge_orig_id`` is of the
    whole batch and stays out of it.
    """
    top = vars(graph._store if isinstance(graph, Data) else graph._global_store)
    if "_slice_dict" not in top:
        return graph
    slices, increments = dict(top["_slice_dict"]), dict(top["_inc_dict"])
    for store in edge_stores(graph):
        source, _ = ends(graph, store)
        member = (graph[source] if source else graph).batch.index_select(0, store.edge_index[0])
        _sort_edges(graph, store, member)
        count = torch.bincount(member, minlength=graph.num_graphs)
        where = torch.cat([count.new_zeros(1), count.cumsum(0)]).cpu()
        changed = {name: where for name in edge_level_names(store) if name != ORIG_ID}
        new = {name: torch.zeros_like(where[1:]) for name in changed}
        if source:
            slices[store._key] = {**slices[store._key], **changed}
            increments[store._key] = {**new, **increments[store._key]}
        else:
            slices, increments = {**slices, **changed}, {**new, **increments}
    graph._slice_dict, graph._inc_dict = slices, increments
    return graph


def _sort_edges(graph: Graph, store: Any, member: Tensor) -> None:
    """Put the edges of a new store in the order of ``member`` [E], where they are not."""
    if bool((member.diff() >= 0).all()):
        return
    order = member.argsort(stable=True)
    for name in edge_level_names(store):
        store[name] = store[name].index_select(graph.__cat_dim__(name, store[name], store), order)


def is_edge_level(store: Any, name: str) -> bool:
    """Whether a tensor of an edge store has one entry for each edge."""
    return name in ("edge_index", ORIG_ID) or bool(store.is_edge_attr(name))


def edge_level_names(store: Any) -> list[str]:
    """The tensors of an edge store that have one entry for each edge."""
    return [name for name, value in store.items() if isinstance(value, Tensor) and is_edge_level(store, name)]


def keep_between(graph: Graph, kept: dict[str, Tensor]) -> Graph:
    """The graph with only the edges between kept nodes.

    Every node keeps its place, so positions mean the same in all views; the mask ``kept_nodes`` [N] says which are
    left, and pooling goes by it.

    Args:
        graph: any graph.
        kept: node type ("" in a homogeneous graph) -> [N] bool.
    """
    check_ends(graph)
    masks = []
    for store in edge_stores(graph):
        source, target = ends(graph, store)
        rows, columns = store.edge_index
        masks.append(kept[source].index_select(0, rows) & kept[target].index_select(0, columns))
    result = select_edges(graph, masks)
    for name, mask in kept.items():
        store = result[name] if name else result
        store[KEPT] = store[KEPT] & mask if KEPT in store else mask.clone()
    slices = vars(result._store).get("_slice_dict") if isinstance(result, Data) else None
    if slices is not None:  # so that `to_data_list` hands each graph its part of the mask
        result._slice_dict = {**slices, KEPT: result.ptr.cpu()}
        result._inc_dict = {**result._inc_dict, KEPT: torch.zeros(result.num_graphs, dtype=torch.int64)}
    return result


def node_counts(graph: Graph) -> dict[str, int]:
    """Node type ("" in a homogeneous graph) -> number of nodes."""
    if isinstance(graph, HeteroData):
        return {node_type: int(graph[node_type].num_nodes) for node_type in graph.node_types}
    return {"": int(graph.num_nodes or 0)}


def global_edges(graph: Graph) -> tuple[Tensor, dict[str, int]]:
    """[2, E] over all types, nodes numbered one type after the other, and where each type begins."""
    check_ends(graph)
    offsets, start = {}, 0
    for name, count in node_counts(graph).items():
        offsets[name] = start
        start += count
    shifted = []
    for store in edge_stores(graph):
        source, target = ends(graph, store)
        shift = torch.tensor([[offsets[source]], [offsets[target]]], device=store.edge_index.device)
        shifted.append(store.edge_index + shift)
    return torch.cat(shifted, dim=1), offsets


def batch_vector(graph: Graph) -> Tensor | None:
    """[N], the graph of a homogeneous batch that each node belongs to; None for a single graph."""
    return graph.get("batch") if isinstance(graph, Data) else None


def uniform(count: int | tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    """U[0, 1) numbers, drawn where the generator lies and moved to where ``like`` does."""
    shape = (count,) if isinstance(count, int) else count
    return torch.rand(shape, generator=generator, device=generator.device).to(like.device)
