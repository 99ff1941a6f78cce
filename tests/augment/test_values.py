"""Noise and scale of values."""

from __future__ import annotations

import torch
from torch_geometric.data import Batch, Data

from graphcl.augment import jitter_values, scale_values
from graphcl.core.seeds import generator


def graphs(value: float = 1.0) -> Batch:
    edges = torch.tensor([[0, 1], [1, 0]])
    return Batch.from_data_list([Data(x=torch.full((500, 2), value), edge_index=edges) for _ in range(20)])


def test_noise_has_the_stated_deviation_and_no_mean() -> None:
    moved = jitter_values(graphs(), 0.3, generator=generator(0)).x - 1.0
    assert abs(float(moved.mean())) < 0.01
    assert abs(float(moved.std()) - 0.3) < 0.01
    assert torch.equal(jitter_values(graphs(), 0.0, generator=generator(0)).x, graphs().x)


def test_each_column_of_each_graph_has_one_factor() -> None:
    made = scale_values(graphs(2.0), 0.5, generator=generator(0))
    factors = torch.stack([graph.x[0] / 2 for graph in made.to_data_list()])
    for graph, factor in zip(made.to_data_list(), factors, strict=True):
        assert torch.equal(graph.x, (2 * factor).expand(500, 2))
    assert factors.unique().numel() == 40
    assert 0.3 < float(factors.std()) < 0.7
    assert 0.7 < float(factors.mean()) < 1.3
    assert torch.equal(scale_values(graphs(2.0), 0.0, generator=generator(0)).x, graphs(2.0).x)
    alone = scale_values(Data(x=torch.ones(3, 2), edge_index=torch.zeros(2, 0).long()), 0.5, generator=generator(0))
    assert torch.equal(alone.x, alone.x[:1].expand(3, 2))


def test_a_share_of_the_graphs_gets_noise() -> None:
    made = jitter_values(graphs(), 0.3, chance=0.5, generator=generator(0)).to_data_list()
    changed = [not torch.equal(graph.x, torch.ones(500, 2)) for graph in made]
    assert 4 <= sum(changed) <= 16
