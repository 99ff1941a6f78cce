"""The convolutional tower over series: against torch's own convolution, chain by chain."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.encode.base import View
from graphcl.encode.chain_conv import ChainConv, around, with_changes
from graphcl.encode.windows import read_windows
from graphcl.graph.window import build_windows
from tests.contract.toys import plain_graph, window_graph


def test_neighbours_are_those_of_the_own_chain() -> None:
    chains = build_windows(torch.arange(1.0, 6)[:, None], torch.tensor([0, 3]), torch.tensor([3, 5]))
    assert around(chains.x, read_windows(chains), 1).tolist() == [
        [0, 1, 2], [1, 2, 3], [2, 3, 0], [0, 4, 5], [4, 5, 0],
    ]  # fmt: skip
    assert around(chains.x, read_windows(chains), 2)[:, 2].tolist() == [3, 0, 0, 0, 0]


def test_it_is_a_dilated_convolution_of_each_chain() -> None:
    graph = window_graph()
    tower = ChainConv(dim=5, num_layers=3, pooling="mean", graph=graph, generator=generator(0)).eval()
    made = tower(View(graph))
    for chain in range(5):
        x = graph.x[graph.batch == chain]
        h = tower.lift(x)
        for position, layer in enumerate(tower.layers):
            kernel = layer.linear.weight.view(5, 3, 5).transpose(1, 2)
            step = 2**position
            turned = F.conv1d(F.gelu(h).T[None], kernel, layer.linear.bias, padding=step, dilation=step)
            h = h + turned[0].T
        torch.testing.assert_close(made.nodes[graph.batch == chain], h)
        torch.testing.assert_close(made.graphs[chain], h.mean(0))


def test_changes_are_read_beside_values() -> None:
    chains = build_windows(torch.tensor([1.0, 3, 2, 10, 11])[:, None], torch.tensor([0, 3]), torch.tensor([3, 5]))
    assert with_changes(read_windows(chains), 2.0).tolist() == [[1, 0], [3, 4], [2, -2], [10, 0], [11, 2]]
    tower = ChainConv(4, 1, changes=2.0, graph=chains, generator=generator(0))
    lifted = tower.lift(with_changes(read_windows(chains), 2.0))
    torch.testing.assert_close(tower(View(chains)).layers[0], lifted)


def test_changes_may_be_made_as_large_as_values() -> None:
    """Values 0, 2, 6 deviate by sqrt(56 / 9) from their mean, changes 2 and 4 are of size sqrt(10)."""
    chains = build_windows(torch.tensor([0.0, 2, 6])[:, None], torch.tensor([0]), torch.tensor([3]))
    tower = ChainConv(4, 1, changes="auto", graph=chains, generator=generator(0))
    torch.testing.assert_close(tower.factor, torch.tensor((56 / 9 / 10) ** 0.5))
    still = build_windows(torch.ones(3, 1), torch.tensor([0]), torch.tensor([3]))
    assert float(ChainConv(4, 1, changes="auto", graph=still, generator=generator(0)).factor) == 1.0
    assert float(tower.state_dict()["factor"]) == float(tower.factor)  # other chains are read by the same


def test_shares_are_of_what_each_layer_adds_and_for_evaluation_alone() -> None:
    graph = window_graph()
    tower = ChainConv(4, 2, "max", [1, 2], thresholds=3, graph=graph, generator=generator(0)).eval()
    made = tower(View(graph))
    assert made.shares is not None
    assert made.shares.shape == (5, 4 * 3 * (1 + 2) * (2 + 1))
    assert not made.shares.requires_grad
    added = made.layers[1] - made.layers[0]
    limits = torch.quantile(added.detach(), torch.tensor([1 / 6, 1 / 2, 5 / 6]), dim=0)
    torch.testing.assert_close(tower.shares.thresholds[1], limits)
    own = (added[graph.batch == 2][:, None] > limits).float().mean(0).flatten()  # the second layer's, of whole chains
    torch.testing.assert_close(made.shares[2, 36 : 36 + 12], own)
    assert tower.train()(View(graph)).shares is None
    assert ChainConv(4, 2, graph=graph, generator=generator(0)).eval()(View(graph)).shares is None


def test_graphs_are_as_wide_as_is_said() -> None:
    graph = window_graph()
    tower = ChainConv(4, 2, ["mean", "positive"], [1, 3], "cat", graph=graph, generator=generator(0))
    made = tower(View(graph)).graphs
    assert made is not None
    assert made.shape[1] == tower.graphs_dim == 4 * 2 * (1 + 3) * (2 + 1)


def test_other_graphs_are_refused() -> None:
    with pytest.raises(UserError, match="needs windows of a table"):
        ChainConv(graph=plain_graph(), generator=generator(0))
