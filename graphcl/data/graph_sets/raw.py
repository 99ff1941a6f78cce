"""What every reader of a set of graphs returns, before checks, cleaning and features."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor


@dataclass
class RawGraphSet:
    """Graphs as their files state them, as one union graph.

    Attributes:
        edge_index: [2, E] int64, node numbers over all graphs; may hold duplicates and self-loops.
        graph_of: [N] int64, the graph of each node, in any order.
        y: [G] int64 class of each graph, -1 where it is unknown; None when the files have no labels.
        categories: [N, K] int64, categories of the nodes (atoms), each column counted from 0; None without.
        attributes: [N, F] float32, numbers of the nodes; None without.
        ids: the user's own graph ids in order; None when graphs are numbered.
        class_names: name of each class.
        feature_names: name of each column of ``attributes``; empty when they are numbered.
        source: where it was read, for messages.
    """

    edge_index: Tensor
    graph_of: Tensor
    y: Tensor | None = None
    categories: Tensor | None = None
    attributes: Tensor | None = None
    ids: list[str] | None = None
    class_names: list[str] = field(default_factory=list)
    feature_names: list[str] = field(default_factory=list)
    source: str = ""

    @property
    def num_nodes(self) -> int:
        """N."""
        return self.graph_of.numel()

    @property
    def num_graphs(self) -> int:
        """G: as many as have labels or ids, else as the nodes name."""
        listed = self.y if self.y is not None else self.ids
        if listed is not None:
            return len(listed)
        return int(self.graph_of.max()) + 1 if self.graph_of.numel() else 0

    def name(self, graph: int) -> str:
        """A graph as its user knows it, for messages."""
        return repr(self.ids[graph]) if self.ids is not None else str(graph)
