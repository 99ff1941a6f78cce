"""Any graph-classification set of torch_geometric, by the name of its class: ``pyg:TUDataset/MUTAG``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch_geometric.data import Batch as GraphBatch
from torch_geometric.data import Data

from graphcl.core.errors import UserError
from graphcl.data.graph_sets.raw import RawGraphSet
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
    """Graphs with ``y`` (one whole number each) as a raw set; ``x`` is kept, edge attributes are not.

    Raises:
        UserError: labels that are no classes, or some graphs with and some without features.
    """
    labels = [graph.y for graph in graphs]
    known = [label for label in labels if label is not None]
    if any(label.is_floating_point() or label.numel() != 1 for label in known):
        raise UserError(f"{source}: the graph task needs one class a graph, the labels are {list(known[0].shape)} "
                        f"{known[0].dtype}")  # fmt: skip
    featured = [graph for graph in graphs if isinstance(graph.x, torch.Tensor) and graph.x.numel()]
    if featured and len(featured) < len(graphs):
        raise UserError(f"{source}: {len(graphs) - len(featured)} of {len(graphs)} graphs have no node features 'x'")
    plain = [Data(x=graph.x, edge_index=graph.edge_index, num_nodes=graph.num_nodes) for graph in graphs]
    union = GraphBatch.from_data_list(plain)
    return RawGraphSet(
        edge_index=union.edge_index,
        graph_of=union.batch,
        y=torch.cat([label.view(1) for label in known]).long() if len(known) == len(graphs) else None,
        attributes=union.x.to(torch.float32) if featured else None,
        source=source,
    )
