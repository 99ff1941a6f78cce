from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F
from torch_geometric.data import Batch, Data
from torch_geometric.nn import GCNConv
from torch_geometric.utils import to_undirected

from graphcl.core.errors import UserError
from graphcl.encode.base import View
from graphcl.encode.features import GCN, MLP
from graphcl.encode.layer import Dropout
from graphcl.encode.linear_layers import Activation, Affine, Linear, Propagate
from graphcl.graph.operators import build_operator


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def data(nodes: int = 10, seed: int = 0) -> Data:
    edges = to_undirected(torch.randint(0, nodes, (2, 2 * nodes), generator=seeded(seed)), num_nodes=nodes)
    return Data(x=torch.randn(nodes, 5, generator=seeded(seed)), edge_index=edges)


def gcn(graph: Data, **options) -> GCN:
    return GCN(**{"dim": 4, **options}, graph=graph, generator=seeded(1))


@pytest.mark.parametrize("activation", ["relu", "prelu"])
def test_equals_stacked_gcn_convolutions(activation):
    graph = data()
    model = gcn(graph, activation=activation, num_layers=3)
    x = graph.x
    for layer in model.layers:
        layer.linear.bias.data.normal_(generator=seeded())
        out_dim, in_dim = layer.linear.weight.shape
        conv = GCNConv(in_dim, out_dim)
        conv.lin.weight.data, conv.bias.data = layer.linear.weight.data, layer.linear.bias.data
        x = conv(x, graph.edge_index)
        x = F.relu(x) if activation == "relu" else F.prelu(x, layer.slope.view(1))
    torch.testing.assert_close(model(View(graph)).nodes, x)
    assert [layer.shape[1] for layer in model(View(graph)).layers] == [5, 8, 8, 4]
    assert model.out_dim == 4


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("kind", [GCN, MLP])
def test_rows_are_those_of_the_whole(kind, batch_norm, training):
    graph = data()
    whole, part = (kind(dim=4, batch_norm=batch_norm, graph=graph, generator=seeded()).train(training) for _ in "ab")
    rows = torch.tensor([1, 4, 7])
    torch.testing.assert_close(part(View(graph), rows).nodes, whole(View(graph)).nodes[rows])


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("activation", ["relu", "prelu"])
@pytest.mark.parametrize("kind", [GCN, MLP])
def test_linear_layers_are_the_encoder(kind, activation, batch_norm):
    graph = data()
    model = kind(dim=4, activation=activation, batch_norm=batch_norm, graph=graph, generator=seeded())
    model(View(graph))  # moves the running statistics
    model.eval()
    x = graph.x
    for part in model.linear_layers():
        match part:
            case Propagate(norm=norm):
                x = build_operator(graph, norm).propagate(x)
            case Linear(weight=weight):
                x = x @ weight
            case Affine(scale=scale, shift=shift):
                x = (x if scale is None else x * scale) + shift
            case Activation(slope=slope):
                x = torch.where(x > 0, x, slope * x)
    torch.testing.assert_close(x, model(View(graph)).nodes)


def test_an_encoder_that_is_not_piecewise_linear_says_so():
    with pytest.raises(UserError, match="elu"):
        MLP(dim=4, activation="elu", graph=data(), generator=seeded()).linear_layers()


def test_dropout_has_the_stated_share_and_repeats_after_a_restore():
    layer = Dropout(0.3, generator=seeded())
    x = torch.ones(200, 200)
    first, saved = layer(x), {k: v.clone() for k, v in layer.state_dict().items()}
    second = layer(x)
    assert (first == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)
    torch.testing.assert_close(first[first != 0], torch.full_like(first[first != 0], 1 / 0.7))
    assert not torch.equal(first, second)
    resumed = Dropout(0.3, generator=seeded())
    resumed.load_state_dict(saved)
    assert torch.equal(resumed(x), second)
    assert layer.eval()(x) is x


@pytest.mark.parametrize("kind", [GCN, MLP])
def test_weights_come_from_the_generator_alone(kind):
    before = torch.random.get_rng_state()
    models = [kind(dim=4, dropout=0.2, graph=data(), generator=seeded(seed)) for seed in (0, 0, 1)]
    models[0](View(data()))
    assert torch.equal(before, torch.random.get_rng_state())
    first, same, other = (model.layers[0].linear.weight for model in models)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_records_are_pooled_as_if_encoded_one_by_one():
    graphs = [data(n, n) for n in (6, 3, 8)]
    model = gcn(graphs[0], pooling="mean")
    pooled = model(View(Batch.from_data_list(graphs))).graphs
    torch.testing.assert_close(pooled, torch.cat([model(View(graph)).graphs for graph in graphs]))
    assert gcn(graphs[0])(View(graphs[0])).graphs is None


def test_gradients_of_second_order_reach_the_features():
    graph = data()
    model = MLP(dim=2, activation="elu", graph=graph, generator=seeded()).double()
    x = graph.x.double().requires_grad_()

    def encode(x: torch.Tensor) -> torch.Tensor:
        return model(View(Data(x=x, edge_index=graph.edge_index))).graphs ** 2

    assert torch.autograd.gradgradcheck(encode, x)


def test_graphs_without_dense_features_are_refused():
    for graph in (Data(num_nodes=3), Data(x=torch.ones(3, 2).to_sparse()), Data(x=torch.ones(3, 2).long())):
        with pytest.raises(UserError, match="node features 'x'"):
            gcn(graph)
