"""torch_geometric graphs as DGL graphs, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data, HeteroData

from graphcl.core.errors import UserError
from graphcl.dgl.load import load_dgl

#: DGL's usual names, read where a graph has none of ours.
USUAL_NODE = {"feat": "x", "label": "y"}
USUAL_EDGE = {"weight": "edge_weight", "w": "edge_weight"}
#: What a torch_geometric batch keeps about its graphs; made anew on the way back.
_BOOKKEEPING = ("batch", "ptr", "num_nodes", "_num_nodes", "edge_index")


@dataclass
class Extra:
    """What a DGL graph has no place for; it travels as the attribute ``graphcl`` of the graph object.

    Attributes:
        attributes: "" -> what belongs to the whole graph (labels of graphs, ids); node or edge type -> what is no
            tensor with a row for each of its nodes or edges.
        node_types: In their order, which DGL sorts.
        edge_types: In their order.
        batched: Whether it was a batch, perhaps of one graph.
    """

    attributes: dict[Any, dict[str, Any]] = field(default_factory=dict)
    node_types: list[str] = field(default_factory=list)
    edge_types: list[tuple[str, str, str]] = field(default_factory=list)
    batched: bool = False


def to_dgl(graph: Data | HeteroData) -> Any:
    """The same graph as a ``dgl.DGLGraph``.

    Tensors of nodes (features, labels, masks) become ``ndata``, those of edges (weights, attributes) ``edata``, under
    their names; nodes without an edge and the order of edges are kept. A ``Batch`` becomes a batched DGL graph, its
    edges grouped by graph as DGL needs them. What belongs to a whole graph DGL cannot hold: see :class:`Extra`.

    Args:
        graph: ``Data``, ``HeteroData`` or a ``Batch`` of either, with ``edge_index``.

    Raises:
        MissingExtra: DGL is not installed.
        UserError: no ``edge_index``, or sparse tensors.
    """
    dgl = load_dgl()
    extra = Extra(batched=isinstance(graph, Batch))
    if isinstance(graph, HeteroData):
        extra.node_types, extra.edge_types = list(graph.node_types), list(graph.edge_types)
        result = _hetero(dgl, graph, extra)
    else:
        result = _homogeneous(dgl, graph, extra)
    if extra.batched:
        _mark_batch(result, graph)
    result.graphcl = extra
    return result


def _homogeneous(dgl: Any, graph: Data, extra: Extra) -> Any:
    if "edge_index" not in graph:
        raise UserError("the graph has no edge_index to convert (adj_t and dense adjacencies are not read)")
    edges, order = _grouped(graph, graph, graph.edge_index)
    result = dgl.graph(tuple(edges), num_nodes=graph.num_nodes)
    whole = graph.num_graphs if isinstance(graph, Batch) else None
    for key, value in _content(graph):
        # As many labels as graphs, and by chance as many edges: the name decides.
        of_graphs = isinstance(value, Tensor) and value.dim() > 0 and len(value) == whole != graph.num_nodes
        if isinstance(value, Tensor) and graph.is_edge_attr(key) and not (of_graphs and "edge" not in key):
            result.edata[key] = _taken(_dense(key, value), order)
        elif isinstance(value, Tensor) and graph.is_node_attr(key) and not of_graphs:
            result.ndata[key] = _dense(key, value)
        else:
            extra.attributes.setdefault("", {})[key] = value
    return result


def _hetero(dgl: Any, graph: HeteroData, extra: Extra) -> Any:
    grouped = {key: _grouped(graph, graph[key], graph[key].edge_index) for key in graph.edge_types}
    counts = {name: int(graph[name].num_nodes) for name in graph.node_types}
    result = dgl.heterograph({key: tuple(edges) for key, (edges, _) in grouped.items()}, num_nodes_dict=counts)

    def place(name: Any, frame: Any, count: int, order: Tensor | None) -> None:
        for key, value in _content(graph[name]):
            if isinstance(value, Tensor) and value.dim() > 0 and len(value) == count:
                frame[key] = _taken(_dense(key, value), order)
            else:
                extra.attributes.setdefault(name, {})[key] = value

    for name, count in counts.items():
        place(name, result.nodes[name].data, count, None)
    for key, (edges, order) in grouped.items():
        place(key, result.edges[key].data, edges.shape[1], order)
    if whole := dict(graph._global_store.items()):
        extra.attributes[""] = whole
    return result


def _content(store: Any) -> Iterable[tuple[str, Any]]:
    return ((key, value) for key, value in store.to_dict().items() if key not in _BOOKKEEPING)


def _dense(key: str, value: Tensor) -> Tensor:
    if value.layout != torch.strided:
        raise UserError(f"{key!r} is a sparse tensor, DGL's features are dense; convert it first: {key}.to_dense()")
    return value


def _taken(value: Tensor, order: Tensor | None) -> Tensor:
    return value if order is None else value.index_select(0, order)


def _grouped(graph: Data | HeteroData, store: Any, edges: Tensor) -> tuple[Tensor, Tensor | None]:
    """The edges with those of one graph of a batch together, and the permutation (None: they were)."""
    if not isinstance(graph, Batch) or edges.shape[1] == 0:
        return edges, None
    member = _member(graph, store).index_select(0, edges[0])
    if bool((member.diff() >= 0).all()):
        return edges, None
    order = member.argsort(stable=True)
    return edges.index_select(1, order), order


def _member(graph: Data | HeteroData, store: Any) -> Tensor:
    """[N], the graph of each source node."""
    return graph[store._key[0]].batch if isinstance(graph, HeteroData) else graph.batch


def _mark_batch(result: Any, graph: Any) -> None:
    count = graph.num_graphs
    if isinstance(graph, HeteroData):
        of_types = {name: torch.bincount(graph[name].batch, minlength=count) for name in graph.node_types}
        result.set_batch_num_nodes(of_types)
        result.set_batch_num_edges({key: _edges_of_graphs(graph, graph[key], count) for key in graph.edge_types})
    else:
        result.set_batch_num_nodes(torch.bincount(graph.batch, minlength=count))
        result.set_batch_num_edges(_edges_of_graphs(graph, graph, count))


def _edges_of_graphs(graph: Any, store: Any, count: int) -> Tensor:
    return torch.bincount(_member(graph, store).index_select(0, store.edge_index[0]), minlength=count)


def from_dgl(graph: Any) -> Data | HeteroData:
    """A DGL graph as ``Data``, ``HeteroData`` or, where it is batched, a ``Batch`` of them.

    ``ndata`` and ``edata`` keep their names, but DGL's usual ones stand for ours where ours are missing: ``feat`` for
    ``x``, ``label`` for ``y``, ``weight`` or ``w`` for ``edge_weight``. Inverse of :func:`to_dgl`.

    Args:
        graph: ``dgl.DGLGraph``, homogeneous or heterogeneous.

    Raises:
        MissingExtra: DGL is not installed.
        UserError: something else than a DGL graph, or a block (a bipartite sample).
    """
    dgl = load_dgl()
    if not isinstance(graph, dgl.DGLGraph):
        raise UserError(f"expected a dgl.DGLGraph, got {type(graph).__name__}")
    if graph.is_block:
        raise UserError("a DGL block (a sampled bipartite layer) is no graph of its own; convert the graph it is of")
    extra = getattr(graph, "graphcl", None) or Extra()
    if not (extra.batched or graph.batch_size > 1):
        return _with_attributes(_one(graph, extra), extra, lambda value: value)
    parts = [
        _with_attributes(_one(part, extra), extra, partial(_of_graph, position=position))
        for position, part in enumerate(dgl.unbatch(graph))
    ]
    return Batch.from_data_list(parts)


def _of_graph(value: Any, position: int) -> Any:
    """A batch's attribute for one of its graphs; PyG stacks tensors along rows and lists values."""
    if isinstance(value, Tensor):
        return value[position : position + 1] if value.dim() else value
    return value[position] if isinstance(value, list) else value


def _with_attributes(graph: Data | HeteroData, extra: Extra, taken: Callable[[Any], Any]) -> Data | HeteroData:
    for name, attributes in extra.attributes.items():
        store = graph[name] if name else graph
        for key, value in attributes.items():
            store[key] = taken(value)
    return graph


def _one(graph: Any, extra: Extra) -> Data | HeteroData:
    if graph.is_homogeneous and not extra.node_types:
        result = Data(edge_index=_edge_index(graph, None), num_nodes=graph.num_nodes())
        _take(result, graph.ndata, USUAL_NODE)
        _take(result, graph.edata, USUAL_EDGE)
        return result
    hetero = HeteroData()
    for name in _in_order(extra.node_types, graph.ntypes):
        hetero[name].num_nodes = graph.num_nodes(name)
        _take(hetero[name], graph.nodes[name].data, USUAL_NODE)
    for key in _in_order(extra.edge_types, graph.canonical_etypes):
        hetero[key].edge_index = _edge_index(graph, key)
        _take(hetero[key], graph.edges[key].data, USUAL_EDGE)
    return hetero


def _in_order(known: list[Any], found: Iterable[Any]) -> list[Any]:
    """The types that are there, first those whose order is known."""
    there = list(found)
    return [name for name in known if name in there] + [name for name in there if name not in known]


def _edge_index(graph: Any, edge_type: tuple[str, str, str] | None) -> Tensor:
    return torch.stack(graph.edges(order="eid", etype=edge_type)).long()


def _take(store: Any, data: Any, usual: dict[str, str]) -> None:
    for key, value in dict(data).items():
        name = usual.get(key, key)
        store[name if name not in data and name not in store else key] = value
