"""The decoder over time: whose latents a hidden node is decoded from, worked by hand."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Batch, Data

from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.encode.base import MASKED, View
from graphcl.encode.between import Between, around_in_time, nearest_shown
from graphcl.encode.gin import GIN
from graphcl.graph.connectivity import build_connectivity


def scans() -> Batch:
    """Two scans of 5 and 3 windows, 2 regions; the feature of a node is its number from 1."""
    graphs = []
    for frames, first in ((5, 1), (3, 11)):
        x = torch.arange(first, first + 2 * frames).float()[:, None]
        edges = torch.tensor([[0], [1]])
        graphs.append(Data(x=x, edge_index=edges, joints=torch.tensor([2]), num_nodes=2 * frames))
    return Batch.from_data_list(graphs)


def hide(graph: Batch, *frames: int) -> Batch:
    """Hide whole windows, by their number in the batch."""
    graph[MASKED] = torch.isin(torch.arange(16) // 2, torch.tensor(frames))
    return graph


def adding(graph: Batch) -> Between:
    """A decoder that gives ``before + 100 * after``, which stands for a side without a window being -1."""
    head = Between(in_dim=1, graph=graph, generator=generator(0))
    with torch.no_grad():
        head.missing.fill_(-1.0)
        for layer, weight, bias in zip(head.layers, ([[1.0, 100.0]], [[1.0]]), (1000.0, -1000.0), strict=True):
            layer.linear.weight.copy_(torch.tensor(weight))
            layer.linear.bias.fill_(bias)  # no sum falls below the ReLU
    return head


def test_hidden_windows_are_decoded_from_the_nearest_shown_ones() -> None:
    graph = hide(scans(), 1, 2, 4, 5)  # of the first scan 1, 2 and 4, of the second its first
    made = adding(graph)(graph.x, View(graph)).flatten().tolist()
    between_0_and_3 = [1 + 700, 2 + 800]  # windows 0 and 3 have nodes 1, 2 and 7, 8
    assert made[:10] == [0, 0, *between_0_and_3, *between_0_and_3, 0, 0, 7 - 100, 8 - 100]
    assert made[10:] == [-1 + 1300, -1 + 1400, 0, 0, 0, 0]  # after it window 1 of its own scan, and none before


def test_hidden_nodes_are_decoded_each_by_itself_and_without_a_mask_all_are() -> None:
    graph = scans()
    graph[MASKED] = torch.isin(torch.arange(16), torch.tensor([2, 5]))
    made = adding(graph)(graph.x, View(graph)).flatten()
    assert made.nonzero().flatten().tolist() == [2, 5]
    assert made[[2, 5]].tolist() == [1 + 500, 4 + 800]
    every = adding(graph)(graph.x, View(scans())).flatten().tolist()
    assert every[:4] == [-1 + 300, -1 + 400, 1 + 500, 2 + 600]
    assert every[-2:] == [13 - 100, 14 - 100]


def test_nothing_around_where_all_is_hidden_or_there_are_no_frames() -> None:
    sides = nearest_shown(torch.ones(3, 2, dtype=torch.bool), torch.zeros(3).long(), torch.full((3,), 2))
    assert all(bool((side == -1).all()) for side in sides)
    alone = Data(x=torch.ones(3, 1), edge_index=torch.zeros(2, 0).long(), num_nodes=3)
    assert [side.tolist() for side in around_in_time(alone)] == [[-1] * 3] * 2


def test_a_hidden_window_tells_nothing_of_itself() -> None:
    """The gradient of what is decoded, at the features of its own window, is 0 under a tower that reads each alone."""
    values = torch.randn(40, 4, generator=generator(0))
    graph = Batch.from_data_list([build_connectivity(values, 10, 10, 0.5)])
    graph.x.requires_grad_()
    graph[MASKED] = graph.pos == 1
    tower = GIN(dim=8, num_layers=2, batch_norm="none", pooling="none", graph=graph, generator=generator(0))
    head = Between(in_dim=tower.out_dim, graph=graph, generator=generator(1))
    head(tower(View(graph)).nodes, View(graph)).sum().backward()
    each = graph.x.grad.view(4, 16).abs().sum(1)
    assert each[[1, 3]].tolist() == [0, 0]
    assert bool((each[[0, 2]] > 0).all())


def test_pooling_frames_is_the_mean_over_time_of_each_region() -> None:
    graph = scans()
    tower = GIN(dim=4, num_layers=1, jk="last", pooling="frames", graph=graph, generator=generator(0)).eval()
    made = tower(View(graph))
    assert tower.graphs_dim == 8
    assert made.graphs is not None
    assert torch.allclose(made.graphs[0], made.nodes[:10].view(5, 8).mean(0))
    assert torch.allclose(made.graphs[1], made.nodes[10:].view(3, 8).mean(0))
    alone = Data(x=torch.ones(3, 1), edge_index=torch.zeros(2, 0).long(), num_nodes=3)
    with pytest.raises(UserError, match="needs graphs over time"):
        GIN(pooling="frames", graph=alone, generator=generator(0))
