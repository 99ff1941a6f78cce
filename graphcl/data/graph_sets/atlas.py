"""Small graphs of the Atlas: the offline default.

Source: Read and Wilson, "An Atlas of Graphs", Oxford 1998, as it ships with networkx.
"""

from __future__ import annotations

import networkx as nx
import torch

from graphcl.data.graph_sets.raw import RawGraphSet

SIZES = range(3, 7)
CLASSES = ("cut node", "no cut node")


def read_atlas() -> RawGraphSet:
    """The 141 connected graphs of 3 to 6 nodes; the class is whether one node holds the graph together. No features.

    71 have a cut node (without it the graph falls apart), 70 have none.
    """
    graphs = [(number, graph) for number, graph in enumerate(nx.graph_atlas_g()) if graph.number_of_nodes() in SIZES]
    graphs = [(number, graph) for number, graph in graphs if nx.is_connected(graph)]
    edges: list[tuple[int, int]] = []
    graph_of: list[int] = []
    labels: list[int] = []
    for position, (_, graph) in enumerate(graphs):
        edges += [(a + len(graph_of), b + len(graph_of)) for a, b in graph.edges]
        graph_of += [position] * graph.number_of_nodes()
        labels.append(int(nx.is_biconnected(graph)))
    return RawGraphSet(
        edge_index=torch.tensor(edges).t().contiguous(),
        graph_of=torch.tensor(graph_of),
        y=torch.tensor(labels),
        ids=[f"G{number}" for number, _ in graphs],
        class_names=list(CLASSES),
        source="atlas of graphs (networkx)",
    )
