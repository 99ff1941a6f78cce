"""Which links of a graph of texts are in question, and which pairs without one."""

from __future__ import annotations

import torch
from torch import Tensor

from graphcl.data.graphs.labelled import NodeGraph
from graphcl.data.text_encoders import TextOptions, fit_text_encoder
from graphcl.graph.link_candidates import alike_strangers, undirected_pairs, unlike_neighbours

#: Candidates of a node of either kind, and the neighbours that a node must have for a link of its to be in question.
MOST, LEAST = 10, 5


def candidates(data: NodeGraph, k: int = MOST, least: int = LEAST) -> tuple[Tensor, Tensor]:
    """Of each node its ``k`` least similar neighbours (none of a node with fewer than ``least``) and most similar
    strangers: [N, k] int64 each, -1 where there are no more. Links that are held out, and the pairs that they are told
    from, are none."""
    graph, count = data.graph, int(data.graph.num_nodes or 0)
    pairs = undirected_pairs(graph.edge_index, count)
    # Texts are compared, also where the features are others.
    x = graph.x if data.text_encoder is not None else fit_text_encoder(graph.text, TextOptions()).encode(graph.text)
    unlike = unlike_neighbours(x, pairs, k)
    few = torch.bincount(pairs.flatten(), minlength=count) < least
    unlike[few] = -1
    return unlike, alike_strangers(x, pairs, k, held_out(data))


def held_out(data: NodeGraph) -> Tensor:
    """[2, P] the pairs on which links are judged, those with a link and those without."""
    if data.links is None:
        return torch.empty(2, 0, dtype=torch.int64)
    parts = (data.links.valid, data.links.test)
    return torch.cat([pairs for part in parts for pairs in (part.edges, part.non_edges)], dim=1)
