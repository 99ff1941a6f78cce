"""Batches of nodes with sampled surroundings, for a graph that is too large to be encoded at every step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphcl.core.errors import NonFiniteError
from graphcl.graph.neighbours import NeighbourSampler
from graphcl.tasks.base import Batch


class SampledNodes:
    """Makes a batch of seed nodes: its graph is their sampled surroundings, whose first nodes they are.

    Args:
        graph: ``x``, ``edge_index`` sorted by source, perhaps ``edge_weight``. Only the rows of ``x`` that a batch
            needs are read, so that they may lie on disk.
        fanout: Neighbours drawn of each node, hop after hop; 0 takes all.
    """

    def __init__(self, graph: Data, fanout: Sequence[int]) -> None:
        self.graph, self.fanout = graph, list(fanout)
        self.sampler = NeighbourSampler(graph.edge_index, int(graph.num_nodes or 0))

    def batch(self, seeds: Tensor, *, generator: torch.Generator) -> Batch:
        """Rows ``batch`` are the seeds, ``all`` are also the nodes around them.

        Raises:
            NonFiniteError: a feature is NaN or infinite.
        """
        piece = self.sampler.sample(seeds, self.fanout, generator=generator)
        x = self.graph.x.index_select(0, piece.nodes)
        if not bool(torch.isfinite(x).all()):
            node = int(piece.nodes[(~torch.isfinite(x)).any(1).nonzero()[0]])
            raise NonFiniteError(f"the features of node {node} are not finite; give finite numbers")
        graph = Data(x=x, edge_index=piece.edge_index, num_nodes=len(piece.nodes))
        if "edge_weight" in self.graph:
            graph.edge_weight = self.graph.edge_weight.index_select(0, piece.edges)
        rows = {"batch": torch.arange(len(seeds)), "all": torch.arange(len(piece.nodes))}
        return Batch(seeds, rows, {"graph": graph}, targets=len(seeds), nodes=piece.nodes)
