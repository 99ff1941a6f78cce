"""The attention layer against a loop over edges, its tower, and the decoder that sees the graph."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphcl.augment import mask_nodes
from graphcl.augment.operator import LowRank
from graphcl.core.errors import UserError
from graphcl.encode.base import View
from graphcl.encode.decoder import GNNDecoder, remask
from graphcl.encode.gat import GAT, GATLayer, attended_edges
from graphcl.encode.gin import GIN

N, F = 7, 5


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def graph() -> Data:
    """A path of six nodes with a chord, and one alone."""
    pairs = torch.tensor([[0, 1, 2, 3, 4, 0], [1, 2, 3, 4, 5, 3]])
    x = torch.randn(N, F, generator=seeded(9))
    return Data(x=x, edge_index=torch.cat([pairs, pairs.flip(0)], dim=1), num_nodes=N)


def neighbours(node: int) -> list[int]:
    data = graph()
    return sorted({node, *data.edge_index[0][data.edge_index[1] == node].tolist()})


def by_hand(layer: GATLayer, x: Tensor, node: int) -> Tensor:
    """The row of a node, before the activation."""
    weight, heads = layer.linear.weight.detach(), layer.heads
    size = len(weight) // heads
    parts = []
    for head in range(heads):
        rows = weight[head * size : (head + 1) * size]
        target, source = layer.target[head].detach(), layer.source[head].detach()
        score = {}
        for j in neighbours(node):
            e = float(target @ (rows @ x[node]) + source @ (rows @ x[j]))
            score[j] = math.exp(e if e > 0 else 0.2 * e)
        total = sum(score.values())
        parts.append(sum((s / total) * (rows @ x[j]) for j, s in score.items()))
    return torch.cat(parts) + layer.bias.detach()


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_each_row_is_that_of_the_loop(heads: int) -> None:
    layer = GATLayer(F, 8, heads=heads, generator=seeded(1))
    with torch.no_grad():
        layer.bias.copy_(torch.randn(8, generator=seeded(2)))
    data = graph()
    result = layer(data.x, attended_edges(View(data)))
    for node in range(N):
        torch.testing.assert_close(result[node].detach(), by_hand(layer, data.x, node), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(result[6].detach(), layer.linear(data.x[6]).detach() + layer.bias.detach())  # alone


def test_attention_sums_to_one_and_depends_on_the_features() -> None:
    data, layer = graph(), GATLayer(F, 8, heads=2, generator=seeded(1))
    edges = attended_edges(View(data))
    weights = layer.attention(layer.linear(data.x), edges)
    sums = torch.zeros(N, 2).index_add(0, edges.rows, weights.detach())
    torch.testing.assert_close(sums, torch.ones(N, 2))
    assert not torch.allclose(weights, layer.attention(layer.linear(2 * data.x), edges))


def test_gradients_are_those_of_finite_differences() -> None:
    data, layer = graph(), GATLayer(F, 4, heads=2, activation="prelu", generator=seeded(1)).double()
    edges = attended_edges(View(data))
    x = data.x.double().requires_grad_()
    parameters = list(layer.parameters())
    loss = layer(x, edges).square().sum()
    for leaf, gradient in zip([x, *parameters], torch.autograd.grad(loss, [x, *parameters]), strict=True):
        with torch.no_grad():
            direction = torch.randn(leaf.shape, generator=seeded(3), dtype=torch.float64)
            values = []
            for step in (1e-6, -1e-6):
                leaf.add_(step * direction)
                values.append(float(layer(x, edges).square().sum()))
                leaf.sub_(step * direction)
        assert float((gradient * direction).sum()) == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-4)


def test_dropout_of_inputs_and_of_edges_changes_training_alone() -> None:
    data = graph()
    edges = attended_edges(View(data))
    for options in ({"dropout": 0.5}, {"attention_dropout": 0.5}):
        layer = GATLayer(F, 8, heads=2, **options, generator=seeded(1))
        plain = GATLayer(F, 8, heads=2, generator=seeded(1))
        with torch.no_grad():
            for mine, theirs in zip(layer.parameters(), plain.parameters(), strict=True):
                mine.copy_(theirs)
        assert not torch.allclose(layer(data.x, edges), plain(data.x, edges))
        torch.testing.assert_close(layer.eval()(data.x, edges), plain(data.x, edges))


def test_heads_share_the_width() -> None:
    with pytest.raises(UserError, match="attention: 3 heads cannot share a width of 8"):
        GAT(dim=8, heads=3, graph=graph(), generator=seeded())


def test_a_view_without_stored_edges_is_refused_and_so_is_a_bound() -> None:
    tower = GAT(dim=4, heads=2, graph=graph(), generator=seeded())
    view = View(graph(), [lambda operator: LowRank(2)(operator, generator=seeded())])
    with pytest.raises(UserError, match="attention needs stored edges"):
        tower(view)
    with pytest.raises(UserError, match="tower 'gat': the layer 'attention' has weights that depend on its input"):
        tower.linear_layers()


class TestMaskToken:
    @pytest.mark.parametrize("kind", [GAT, GIN])
    def test_it_stands_in_blank_rows_alone(self, kind: type[GAT] | type[GIN]) -> None:
        data = mask_nodes(graph(), 0.9, replace=0.5, generator=seeded(2))
        assert 0 < int(data.blank.sum()) < int(data.masked.sum())
        tower = kind(dim=4, mask_token=True, graph=graph(), generator=seeded())
        with torch.no_grad():
            tower.mask_token.token.copy_(torch.arange(F) + 1.0)
        first = tower(View(data)).layers[0]
        assert torch.equal(first[data.blank], (torch.arange(F) + 1.0).expand(int(data.blank.sum()), F))
        assert torch.equal(first[~data.blank], data.x[~data.blank])
        assert torch.equal(tower(View(graph())).layers[0], graph().x)

    def test_it_learns(self) -> None:
        data = mask_nodes(graph(), 1.0, generator=seeded())
        tower = GAT(dim=4, heads=2, mask_token=True, graph=graph(), generator=seeded())
        with torch.no_grad():
            tower.mask_token.token.fill_(0.1)
        tower(View(data)).nodes.square().sum().backward()
        assert bool(tower.mask_token.token.grad.any())


class TestDecoder:
    def decoder(self, **options: object) -> GNNDecoder:
        return GNNDecoder(in_dim=3, graph=graph(), generator=seeded(), **options).eval()  # type: ignore[arg-type]

    def test_its_width_is_that_of_the_features(self) -> None:
        latent = torch.randn(N, 3, generator=seeded(1))
        assert self.decoder()(latent, View(graph())).shape == (N, F)
        assert self.decoder(dim=2, layer="gcn")(latent, View(graph())).shape == (N, 2)

    @pytest.mark.parametrize("layer", ["gat", "gcn", "gin"])
    def test_what_a_hidden_node_gets_does_not_depend_on_its_own_latent(self, layer: str) -> None:
        data = mask_nodes(graph(), 0.5, generator=seeded(1))
        hidden = data.masked.nonzero().view(-1)
        assert 0 < len(hidden) < N
        latent = torch.randn(N, 3, generator=seeded(1))
        other = latent.index_fill(0, hidden, 7.0)
        module = self.decoder(layer=layer)
        assert torch.equal(module(latent, View(data)), module(other, View(data)))
        seen = self.decoder(layer=layer, masked_again=False)
        assert not torch.allclose(seen(latent, View(data)), seen(other, View(data)))

    def test_remask_leaves_a_graph_without_masks_alone(self) -> None:
        latent = torch.ones(N, 3)
        assert remask(latent, graph()) is latent
        data = mask_nodes(graph(), 0.5, generator=seeded(1))
        assert torch.equal(remask(latent, data).sum(1) == 0, data.masked)
        assert bool((latent == 1).all())
