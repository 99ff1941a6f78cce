"""Graphs of other libraries as torch_geometric ones, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

import torch
from torch import Tensor
from torch_geometric.data import Data, HeteroData

from graphcl.core.errors import UserError

if TYPE_CHECKING:
    import networkx as nx

#: networkx's usual name -> ours.
_USUAL_EDGE = {"weight": "edge_weight"}


def is_graph(value: object) -> TypeGuard[Any]:
    """Whether :func:`as_graph` takes it. Imports neither networkx nor DGL."""
    return isinstance(value, Data | HeteroData) or _library(value) is not None


def as_graph(value: Any) -> Data | HeteroData:
    """The ``torch_geometric`` form of a graph.

    Args:
        value: ``Data``, ``HeteroData`` or ``Batch`` (returned as it is), a networkx graph or a ``dgl.DGLGraph``.

    Raises:
        UserError: something else, or a graph that cannot be converted.
    """
    if isinstance(value, Data | HeteroData):
        return value
    library = _library(value)
    if library == "networkx":
        return from_networkx(value)
    if library == "dgl":
        from graphcl.dgl import from_dgl

        return from_dgl(value)
    raise UserError(
        f"expected a graph (torch_geometric Data or HeteroData, networkx or DGL), got {type(value).__name__}"
    )


def _library(value: object) -> str | None:
    """``networkx`` or ``dgl`` for a graph of one of them or of a class derived from it."""
    for cls in type(value).__mro__:
        if cls.__name__ in ("Graph", "DGLGraph") and cls.__module__.partition(".")[0] in ("networkx", "dgl"):
            return cls.__module__.partition(".")[0]
    return None


def from_networkx(graph: nx.Graph) -> Data:
    """A networkx graph as ``Data``: nodes in its order, each undirected edge in both directions.

    Attributes that every node (or edge) has become tensors under their names, or lists where they are no numbers;
    an edge's ``weight`` becomes ``edge_weight``. Where nodes have other names than 0, 1, 2, ..., these are kept, as
    text, in ``ids``.

    >>> import networkx as nx
    >>> graph = from_networkx(nx.Graph([("ann", "bob", {"weight": 2.0})]))
    >>> graph.ids, graph.edge_index.tolist(), graph.edge_weight.tolist()
    (['ann', 'bob'], [[0, 1], [1, 0]], [2.0, 2.0])

    Raises:
        UserError: an attribute that some nodes (or edges) lack; names one of them.
    """
    from torch_geometric.utils import from_networkx as convert

    _require_everywhere(list(graph.nodes(data=True)), "node")
    _require_everywhere([((source, target), values) for source, target, values in graph.edges(data=True)], "edge")
    data = convert(graph)
    data.num_nodes = graph.number_of_nodes()
    data.edge_index = data.edge_index.view(2, -1)
    for theirs, ours in _USUAL_EDGE.items():
        if theirs in data and ours not in data and _is_of_edges(data, theirs):
            data[ours] = data[theirs].to(torch.get_default_dtype())
            del data[theirs]
    names = list(graph.nodes())
    if names != list(range(len(names))):
        ids = [str(name) for name in names]
        if len(set(ids)) < len(ids):
            raise UserError("two nodes of the networkx graph have the same name once it is text (1 and '1'?)")
        data.ids = ids
    return data


def _is_of_edges(data: Data, key: str) -> bool:
    return isinstance(data[key], Tensor) and data[key].shape[:1] == (data.num_edges,)


def _require_everywhere(attributes: list[tuple[Any, dict[str, Any]]], kind: str) -> None:
    """Every node (or edge) has the attributes that any of them has."""
    known = {key: owner for owner, values in attributes for key in values}
    for owner, values in attributes:
        for key in known:
            if key not in values:
                raise UserError(
                    f"networkx: {kind} {known[key]!r} has the attribute {key!r}, {kind} {owner!r} has not; "
                    f"give it to every {kind} or to none"
                )


def to_networkx(graph: Data) -> nx.Graph:
    """``Data`` as a networkx graph; inverse of :func:`from_networkx`.

    Undirected where every edge has its mirror image with equal attributes, a multigraph where an edge is repeated.
    Tensors of nodes and edges become attributes (lists where they have several columns), ``edge_weight`` becomes
    ``weight``; nodes are called by their ``ids``, or 0, 1, 2, ...

    Raises:
        UserError: a heterogeneous graph, or one without ``edge_index``.
    """
    import networkx as nx
    from torch_geometric.utils import coalesce, is_undirected
    from torch_geometric.utils import to_networkx as convert

    if isinstance(graph, HeteroData) or "edge_index" not in graph:
        raise UserError("to_networkx takes a homogeneous graph with edge_index; see HeteroData.to_homogeneous()")
    graph, count = graph.clone(), int(graph.num_nodes or 0)
    for theirs, ours in _USUAL_EDGE.items():
        if ours in graph and theirs not in graph:
            graph[theirs] = graph[ours]
            del graph[ours]
    content = graph.to_dict()
    tensors = [key for key, value in content.items() if isinstance(value, Tensor) and key != "edge_index"]
    of_edges = [key for key in tensors if graph.is_edge_attr(key) or (key in _USUAL_EDGE and _is_of_edges(graph, key))]
    of_nodes = [key for key in tensors if key not in of_edges and graph.is_node_attr(key)]
    of_nodes += [key for key, value in content.items() if _is_list_of_nodes(key, value, count)]
    edges: Tensor = graph.edge_index
    undirected = bool(is_undirected(edges, [graph[key] for key in of_edges], num_nodes=count))
    result = convert(
        graph,
        node_attrs=of_nodes,
        edge_attrs=of_edges,
        to_undirected="upper" if undirected else False,
        to_multi=coalesce(edges, num_nodes=count).shape[1] < edges.shape[1],
    )
    return nx.relabel_nodes(result, dict(enumerate(graph.ids))) if "ids" in graph else result


def _is_list_of_nodes(key: str, value: Any, count: int) -> bool:
    return key != "ids" and isinstance(value, list) and len(value) == count
