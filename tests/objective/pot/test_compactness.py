from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch_geometric.data import Data

from graphcl.augment.drop_edges import drop_edges
from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.data.graphs.node_graph import NodeGraphData
from graphcl.encode.base import View
from graphcl.encode.features import GCN
from graphcl.encode.lightgcn import LightGCN
from graphcl.encode.linear_layers import Activation, Affine, Linear, Propagate, apply_layers
from graphcl.objective.pot import Budget, Deletable, compactness_weights, layers_of, lower_bound
from graphcl.objective.pot.compactness import inner_terms, node_compactness
from graphcl.objective.pot.graph import make_patch
from graphcl.objective.pot.lines import activation_lines
from graphcl.objective.pot.reference import reference_score
from tests.contract.toys import plain_graph

from .enumerated import DTYPE, ENCODERS, deletable, draw_case, gcn

encoders = pytest.mark.parametrize("name", ENCODERS)
inners = pytest.mark.parametrize("inner", ["interval", "row"])


def random_graph(count: int, p: float, seed: int = 0) -> Deletable:
    draw = torch.Generator().manual_seed(seed)
    pairs = torch.combinations(torch.arange(count)).T
    return deletable(pairs[:, torch.rand(pairs.shape[1], generator=draw) < p], count)


def test_weights_are_own_minus_the_mean_other() -> None:
    z = torch.randn(6, 3, generator=torch.Generator().manual_seed(0), dtype=DTYPE)
    unit = z / z.norm(dim=1, keepdim=True)
    expected = torch.stack([unit[i] - torch.cat([unit[:i], unit[i + 1 :]]).mean(0) for i in range(6)])
    torch.testing.assert_close(compactness_weights(z), expected)
    assert not compactness_weights(z.clone().requires_grad_()).requires_grad
    assert torch.isfinite(compactness_weights(torch.zeros(1, 3))).all()


@pytest.mark.parametrize("slope", [0.0, 0.25, 1.0])
def test_lines_enclose_the_activation(slope: float) -> None:
    ends = torch.randn(2, 500, generator=torch.Generator().manual_seed(0), dtype=DTYPE).sort(0).values
    lines = activation_lines(ends[0], ends[1], slope)
    for at in torch.linspace(0, 1, 21, dtype=DTYPE):
        x = torch.lerp(ends[0], ends[1], at)
        y = F.leaky_relu(x, slope)
        assert bool((lines.lower * x <= y + 1e-12).all())
        assert bool((lines.upper * x + lines.offset >= y - 1e-12).all())


@encoders
@inners
def test_gradients_are_those_of_finite_differences(name: str, inner: str) -> None:
    make, loops = ENCODERS[name]
    case = draw_case(7)
    layers = make(case.generator)
    weights = case.weights(layers, loops)
    leaves = [layer.weight for layer in layers if isinstance(layer, Linear)]
    leaves += [layer.shift for layer in layers if isinstance(layer, Affine) and layer.shift.dim()]

    def bound(x: Tensor, *changed: Tensor) -> Tensor:
        new = dict(zip(map(id, leaves), changed, strict=True))
        moved = [
            Linear(new[id(layer.weight)]) if isinstance(layer, Linear)
            else Affine(layer.scale, new.get(id(layer.shift), layer.shift)) if isinstance(layer, Affine)
            else layer
            for layer in layers
        ]  # fmt: skip
        return lower_bound(moved, x, weights, case.graph, case.budget, inner=inner).lower

    inputs = [leaf.clone().requires_grad_() for leaf in (case.x, *leaves)]
    assert gradcheck(bound, inputs, fast_mode=True)


def test_the_gradient_reaches_a_learnt_slope() -> None:
    case = draw_case(7)
    slope = torch.tensor(0.25, dtype=DTYPE, requires_grad=True)
    layers = gcn([5, 6, 4], case.generator)
    weights = case.weights(layers, True)

    def bound(slope: Tensor) -> Tensor:
        changed = [Activation(slope) if isinstance(layer, Activation) else layer for layer in layers]
        return lower_bound(changed, case.x, weights, case.graph, case.budget, inner="row").lower

    assert gradcheck(bound, (slope,))


@encoders
@inners
def test_sampled_nodes_have_the_bounds_of_all_and_chunks_change_nothing(name: str, inner: str) -> None:
    make, _ = ENCODERS[name]
    graph = random_graph(60, 0.06)
    draw = torch.Generator().manual_seed(3)
    layers, x = make(draw), torch.randn(60, 5, generator=draw, dtype=DTYPE)
    width = apply_layers(layers, x, lambda y: y).shape[1]
    weights = torch.randn(60, width, generator=draw, dtype=DTYPE)
    budget = Budget("fraction", 0.4).of(graph.degree)
    whole = lower_bound(layers, x, weights, graph, budget, inner=inner)
    for targets in (torch.tensor([41, 3, 17, 0, 58]), torch.tensor([7])):
        some = lower_bound(layers, x, weights[targets], graph, budget, targets=targets, inner=inner)
        torch.testing.assert_close(some.lower, whole.lower[targets])
        torch.testing.assert_close(some.output.high, whole.output.high[targets])
    small = lower_bound(layers, x, weights, graph, budget, inner=inner, chunk_bytes=1)
    torch.testing.assert_close(small.lower, whole.lower)


class Largest(TorchDispatchMode):
    """Records the entries of the largest tensor that any operation makes, forward or backward."""

    entries = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for value in tree_leaves(result):
            if isinstance(value, Tensor) and value.layout == torch.strided:
                self.entries = max(self.entries, value.numel())
        return result


@pytest.mark.parametrize("inner", ["interval", "row"])
def test_nothing_has_nodes_x_nodes_entries(inner: str) -> None:
    count = 900
    graph, draw = random_graph(count, 3 / count), torch.Generator().manual_seed(1)
    layers, x = gcn([5, 6, 4], draw), torch.randn(count, 5, generator=draw, dtype=DTYPE).requires_grad_()
    weights = torch.randn(count, 4, generator=draw, dtype=DTYPE)
    with Largest() as largest:
        lower_bound(layers, x, weights, graph, graph.degree, inner=inner, chunk_bytes=1).lower.sum().backward()
    assert 6 * count < largest.entries < count * count / 4


def test_single_precision_is_within_the_margin() -> None:
    case = draw_case(2)
    layers = gcn([5, 6, 4], case.generator)
    weights = case.weights(layers, True)
    exact = lower_bound(layers, case.x, weights, case.graph, case.budget)
    single = [
        Linear(layer.weight.float()) if isinstance(layer, Linear)
        else Affine(None, layer.shift.float()) if isinstance(layer, Affine) else layer
        for layer in layers
    ]  # fmt: skip
    found = lower_bound(single, case.x.float(), weights.float(), case.graph, case.budget)
    assert bool((found.lower - found.margin <= exact.lower).all())
    assert bool((found.margin > 0).any())
    assert torch.equal(found.certified, found.lower - found.margin > 0)


def test_auto_takes_the_row_of_pairs_where_it_is_cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    case = draw_case(1)
    layers = gcn([5, 6, 4], case.generator)
    weights = case.weights(layers, True)

    def bound(inner: str) -> Tensor:
        return lower_bound(layers, case.x, weights, case.graph, case.budget, inner=inner).lower  # type: ignore[arg-type]

    assert torch.equal(bound("auto"), bound("row"))
    assert inner_terms(make_patch(case.graph, 2)) == int(case.graph.degree.square().sum())
    monkeypatch.setattr("graphcl.objective.pot.compactness.MOST_TERMS", 0)
    assert torch.equal(bound("auto"), bound("interval"))
    assert not torch.equal(bound("auto"), bound("row"))


def test_the_published_surrogate_is_no_bound() -> None:
    """At one deletion in nine of the 25 graphs: it exceeds the score it should bound far more often than one in ten."""
    above = total = 0
    for seed in range(25):
        case = draw_case(seed)
        layers = gcn([5, 6, 4], case.generator)
        weights = case.weights(layers, True)
        scores = (case.outputs(layers, True) * weights).sum(-1)
        for matrix, score in zip(case.matrices(True)[::9], scores[::9], strict=True):
            found = reference_score(layers, case.x, weights, case.graph, case.budget, lambda y, m=matrix: m @ y)
            above += int((found > score + 1e-6 * scores.abs().max()).sum())
            total += score.numel()
    assert above / total > 0.1


def test_the_surrogate_is_the_released_formula() -> None:
    """By dense matrices and for one node pair after the other."""
    case = draw_case(5)
    layers = gcn([5, 6, 4], case.generator, slope=0.25)
    (w1, _, b1, _), (w2, _, b2, _) = layers[:4], layers[4:]
    weights, matrix = case.weights(layers, True), case.matrices(True)[-1]
    clean = case.matrices(True)[0]
    d = case.graph.degree.to(DTYPE) + 1
    m = torch.minimum(case.budget, (case.graph.degree - 1).clamp_min(0)).to(DTYPE)
    upper = torch.outer((d - m).rsqrt(), (d - m).rsqrt()) * (clean > 0)
    lower = torch.diag(1 / d)

    def bounds(y: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        centre, radius = (upper + lower) / 2 @ y + bias, (upper - lower) / 2 @ y.abs()
        return centre - radius, centre + radius

    def relax(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        slope, beta = torch.ones_like(low), torch.zeros_like(low)
        for at in zip(*torch.where(low < 0), strict=True):
            lo, hi = float(low[at]), float(high[at])
            slope[at] = 0.25 if hi <= 0 else (hi - 0.25 * lo) / (hi - lo)
            beta[at] = 0.0 if hi <= 0 else (0.25 - 1) * hi * lo / (hi - 0.25 * lo)
        return slope, beta

    m1 = case.x @ w1.weight
    slope1, beta1 = relax(*bounds(m1, b1.shift))
    hidden = F.leaky_relu(clean @ m1 + b1.shift, 0.25)
    slope2, beta2 = relax(*bounds(hidden @ w2.weight, b2.shift))
    lambda2 = weights * slope2
    inner2 = (lambda2 * (b2.shift + beta2 * (weights < 0))).sum(1)
    own = lambda2 @ w2.weight.T
    lambda1 = own * slope1
    inner1 = (lambda1 * (b1.shift + beta1 * (own < 0))).sum(1)
    values = torch.stack([case.x[k] @ (w1.weight @ lambda1[k]) for k in range(case.count)])
    expected = matrix @ (matrix @ values + inner1) + inner2
    found = reference_score(layers, case.x, weights, case.graph, case.budget, lambda y: matrix @ y)
    torch.testing.assert_close(found, expected)


class TestTowers:
    def test_lightgcn_and_gcn_are_their_layers(self) -> None:
        graph = plain_graph()
        del graph.edge_weight
        for tower in (
            GCN(dim=4, graph=graph, generator=generator(0)),
            *(LightGCN(dim=4, num_layers=3, graph=graph, generator=generator(0), **options)
              for options in ({}, {"readout": "sum", "readout_from": 1}, {"readout": "last"})),
        ):  # fmt: skip
            encoding = tower(View(graph))
            operator = View(graph).operator("gcn" if isinstance(tower, GCN) else "sym")
            found = apply_layers(tower.linear_layers(), encoding.layers[0], operator.propagate)
            torch.testing.assert_close(found, encoding.nodes)

    @pytest.mark.parametrize(
        ("tower", "options", "message"),
        [
            (GCN, {"norm": "row"}, r"layer 2 of 8 propagates with norm 'row'"),
            (GCN, {"batch_norm": True}, r"layers.0.norm normalises by the statistics of the batch"),
            (LightGCN, {"readout": "concat"}, "readout=concat"),
            (LightGCN, {"residual": True}, "residual=True"),
            (LightGCN, {"num_layers": 0}, "never propagates"),
        ],
    )
    def test_what_cannot_be_bounded_is_refused(self, tower: type, options: dict, message: str) -> None:
        built = tower(graph=plain_graph(), generator=generator(0), **options)
        with pytest.raises(UserError, match=message):
            layers_of(built, "main")

    def test_frozen_batch_norm_is_bounded(self) -> None:
        built = GCN(graph=plain_graph(), generator=generator(0), batch_norm=True).eval()
        assert len(layers_of(built, "main")) == 10
        assert len(layers_of(built.train(), "main", "running")) == 10

    def test_a_slope_outside_0_to_1_is_refused(self) -> None:
        built = GCN(graph=plain_graph(), generator=generator(0), activation="prelu")
        with torch.no_grad():
            built.layers[1].slope.fill_(1.25)
        with pytest.raises(UserError, match=r"layer 8 of 8, an activation, has slope 1.25"):
            layers_of(built, "main")

    def test_an_unknown_tower_or_layer_is_refused(self) -> None:
        with pytest.raises(UserError, match="does not say which linear layers"):
            layers_of(nn.Linear(2, 2), "main")
        with pytest.raises(UserError, match="layer 2 of 2 is a LayerNorm"):
            lower_bound([Propagate("gcn"), nn.LayerNorm(2)], torch.ones(1, 2), torch.ones(1, 2),  # type: ignore[list-item]
                        deletable(torch.zeros(2, 0, dtype=torch.int64), 1), torch.zeros(1, dtype=torch.int64))


def test_no_sampled_view_of_cora_is_below_its_bound(shared_data: Path) -> None:
    """2,000 drawn views, the budget being what any of them took from each node: the untrained encoder."""
    graph = NodeGraphData.from_card("cora", data_root=shared_data).load(seed=0).graph
    tower = GCN(dim=8, graph=graph, generator=generator(0)).eval()
    structure, edges = Deletable.of(graph, loops=True), Data(edge_index=graph.edge_index, num_nodes=2708)
    w1, b1, w2, b2 = tower.parameters()
    with torch.no_grad():
        weights = compactness_weights(tower(View(graph)).nodes)
        projected = graph.x @ w1.T
        for p in (0.1, 0.5):
            views = [drop_edges(edges, p, generator=generator(2, n)) for n in range(1000)]
            lost = torch.stack([structure.degree - torch.bincount(v.edge_index[1], minlength=2708) for v in views])
            bound = lower_bound(tower.linear_layers(), graph.x, weights, structure, lost.amax(0), inner="row")
            certain, exceeded = bound.lower - bound.margin, 0
            for view in views:
                propagate = View(view).operator("gcn").propagate
                z = (propagate((propagate(projected) + b1).relu() @ w2.T) + b2).relu()
                exceeded += int((certain > (z * weights).sum(1)).sum())
            assert exceeded == 0
            assert bool((lost.amax(0) > 0).any())


def test_node_compactness_of_a_part_of_the_nodes() -> None:
    case = draw_case(6)
    layers = gcn([5, 6, 4], case.generator)
    z = case.outputs(layers, True)
    whole = node_compactness(layers, case.x, z[0], z[-1], case.graph, case.budget)
    torch.testing.assert_close(whole.current, (z[0] * compactness_weights(z[-1])).sum(1))
    assert bool((whole.score <= whole.current + 1e-9).all())
    part = node_compactness(layers, case.x, z[0][2:], z[-1][2:], case.graph, case.budget, first=2)
    assert part.degree.tolist() == case.graph.degree[2:].tolist()
    picked = node_compactness(layers, case.x, z[0][2:], z[-1][2:], case.graph, case.budget, first=2,
                              targets=torch.tensor([1]))  # fmt: skip
    torch.testing.assert_close(picked.score[0], part.score[1])
