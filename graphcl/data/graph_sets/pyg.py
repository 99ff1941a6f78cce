"""Any graph-classification set of torch_geometric, by the name of its class: ``pyg:TUDataset/MUTAG``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch_geometric.data import Batch as GraphBatch
from torch_geometric.data import Data

from graphcl.core.errors import UserError
from graphcl.core.words import counted
from graphcl.data.graph_sets.raw import RawGraphSet
from graphcl.data.graphs.build import check_ends
from graphcl.data.graphs.given import given_edges, given_features
from graphcl.data.graphs.pyg import load_pyg
from graphcl.graph import as_graph


def read_pyg_set(name: str) -> RawGraphSet:
    """Let torch_geometric download (into our cache folder) and read a set of graphs.

    Args:
        name: ``pyg:CLASS/NAME``, or ``pyg:CLASS`` where the class is one data set.

    Raises:
        UserError: no such class, it cannot be fetched, or it is not a set of graphs with one class each.
    """
    graphs = list(load_pyg(name))
    if len(graphs) < 2 or not all(isinstance(graph, Data) for graph in graphs):
        raise UserError(f"data.name: {name} is not a set of homogeneous graphs; the graph task needs one")
    return from_graphs(graphs, name)


def separate(graphs: Iterable[Any]) -> list[Data]:
    """Graphs of any library, one by one: batches are taken apart.

    Raises:
        UserError: a graph with several types of nodes.
    """
    found: list[Data] = []
    for graph in map(as_graph, graphs):
        parts = graph.to_data_list() if isinstance(graph, GraphBatch) else [graph]
        if not all(isinstance(part, Data) for part in parts):
            raise UserError("a given graph has several types of nodes; the graph task needs one type")
        found += parts
    return found


def from_graphs(graphs: list[Data], source: str) -> RawGraphSet:
    """Graphs as a raw set; ``y`` (one whole number each, or none) and ``x`` are kept, edge attributes are not.

    Raises:
        UserError: labels that are no classes, a graph without nodes, some graphs with and some without features, or
            of different numbers.
    """
    labels = [_class(graph.y, source, number) for number, graph in enumerate(graphs)]
    plain = [_plain(graph, f"graph {number} of {source}") for number, graph in enumerate(graphs)]
    _require_alike([graph.x for graph in plain], source)
    union = GraphBatch.from_data_list(plain)
    return RawGraphSet(
        edge_index=union.edge_index,
        graph_of=union.batch,
        y=torch.tensor(labels) if any(label >= 0 for label in labels) else None,
        attributes=union.x,
        source=source,
    )


def _plain(graph: Data, name: str) -> Data:
    """Its edges and features, checked, so that errors name the graph and not the whole."""
    edges, x = given_edges(graph, name), given_features(graph.x, name)
    if not graph.num_nodes:
        raise UserError(f"{name} has no nodes; leave it out, or give it nodes")
    check_ends(edges, graph.num_nodes, name)
    return Data(x=x if x is not None and x.shape[1] else None, edge_index=edges, num_nodes=graph.num_nodes)


def _class(y: Any, source: str, number: int) -> int:
    """The class of a graph; -1 without one."""
    if y is None:
        return -1
    if isinstance(y, int):
        return y
    if not isinstance(y, torch.Tensor) or y.is_floating_point() or y.is_complex() or y.numel() != 1:
        what = f"{list(y.shape)} {y.dtype}" if isinstance(y, torch.Tensor) else repr(y)
        raise UserError(f"{source}: the graph task needs one class a graph, a whole number; graph {number} has {what}")
    return int(y)


def _require_alike(features: list[Any], source: str) -> None:
    lacking = [number for number, x in enumerate(features) if x is None]
    if lacking and len(lacking) < len(features):
        raise UserError(
            f"{source}: {len(lacking)} of {len(features)} graphs have no node features 'x', as graph {lacking[0]}"
        )
    widths = [0 if x is None else x.shape[1] for x in features]
    other = next((number for number, width in enumerate(widths) if width != widths[0]), None)
    if other is not None:
        raise UserError(
            f"{source}: graph {other} has {counted(widths[other], 'feature')} a node, graph 0 has {widths[0]}; "
            "give all graphs the same"
        )
