"""Other edges, and how many: the edit distance between a graph and its view, for what learns it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData

from graphcl.augment.new_edges import perturb_edges
from graphcl.augment.plain import plain
from graphcl.augment.rebuild import batch_vector, pair_keys
from graphcl.core.errors import UserError
from graphcl.core.options import Probability
from graphcl.core.registry import register
from graphcl.encode.base import Graph

#: Field of a view: how many edges of each graph are gone or new, [G].
EDITS = "edits"


def count_edits(before: Graph, after: Graph) -> Tensor:
    """[G] float, the pairs of nodes that have an edge in one of two graphs and not in the other, of each graph.

    Args:
        before: A graph, or a batch; directions do not count.
        after: The same with other edges.
    """
    nodes = int(before.num_nodes or 0)
    pairs = [pair_keys(graph.edge_index.sort(dim=0).values, nodes).unique() for graph in (before, after)]
    keys, times = torch.cat(pairs).unique(return_counts=True)
    changed = keys[times == 1] // max(nodes, 1)
    member = batch_vector(before)
    of = torch.zeros_like(changed) if member is None else member.index_select(0, changed)
    count = 1 if member is None else int(before.num_graphs)
    return torch.bincount(of, minlength=count).to(torch.get_default_dtype())


@plain
def edit_edges(graph: Graph, p: Probability, *, generator: torch.Generator) -> Graph:
    """:func:`~graphcl.augment.new_edges.perturb_edges` that leaves ``edits`` [G], the edit distance of each graph.

    The perturbation of D-SLA (Kim, Baek, Hwang, NeurIPS 2022). An edge that goes and comes back is no edit, so a small
    graph can have none.

    Args:
        graph: homogeneous; a batch is edited graph by graph.
        p: the share of edges that goes, and of those that come.
        generator: source of the draws.

    Raises:
        UserError: a heterogeneous graph.
    """
    if isinstance(graph, HeteroData):
        raise UserError("edit_edges needs one node type: edits of edges of several types do not add up")
    result = perturb_edges(graph, p, generator=generator)
    result[EDITS] = count_edits(graph, result)
    return result


@register("augmenter", "edit_edges", example={"p": 0.5}, level="graph", stochastic=True, edges="new")
class EditEdges(nn.Module):
    """Drops edges, adds as many, and counts both; see :func:`edit_edges`. The term `edit_distance` reads the count."""

    def __init__(self, p: Probability = 0.2) -> None:
        """
        Args:
            p: Probability that an edge is dropped, and the share of edges that is added.
        """
        super().__init__()
        self.p = p

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The graph with other edges, and their number."""
        return edit_edges(graph, self.p, generator=generator)
