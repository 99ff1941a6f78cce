"""AutoTCL: its pieces against values worked by hand, and what its two phases do to each other."""

from __future__ import annotations

import math

import pytest
import torch

import graphcl
from graphcl.augment.weigh_values import WeighValues, hard_concrete
from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.objective.base import Rows, reduce_groups
from graphcl.objective.regularizers.gate_shape import roughness
from graphcl.objective.terms.mmd import MMD, mmd_values
from graphcl.objective.terms.next_segment import NextSegment, segments_of
from tests.contract.toys import window_graph
from tests.objective.fake_flow import FakeFlow, random

# --- the augmenter -----------------------------------------------------------------------------------


def test_gates_are_stretched_clipped_and_rounded_with_the_gradient_of_soft_ones() -> None:
    logits = torch.tensor([0.2, 0.9, 0.5], requires_grad=True)
    u = torch.rand(3, generator=generator(0))
    odds = [math.log(v) - math.log(1 - v) + x for v, x in zip(u.tolist(), logits.tolist(), strict=True)]
    soft = [1 / (1 + math.exp(-one / 0.5)) for one in odds]
    stretched = [min(max(1.1 * y - 0.1, 0.0), 1.0) for y in soft]
    draws = {"temperature": 0.5, "zeta": 0.1}
    made = hard_concrete(logits, **draws, hard=False, generator=generator(0))
    assert made.tolist() == pytest.approx(stretched, rel=1e-4)
    hard = hard_concrete(logits, **draws, hard=True, generator=generator(0))
    assert hard.tolist() == [float(value >= 0.5) for value in stretched]
    slopes = [torch.autograd.grad(one.sum(), logits)[0] for one in (made, hard)]
    assert torch.equal(*slopes)
    assert bool((slopes[0] > 0).any())


def test_a_view_is_the_series_times_its_gates_and_factors() -> None:
    graph = window_graph()
    plain = WeighValues(dim=4, factors=False, graph=graph, generator=generator(0))
    made = plain(graph, generator=generator(1))
    assert bool(((made.x == 0) | (made.x == graph.x)).all())
    assert 0 < float((made.x == 0).float().mean()) < 1
    weighed = WeighValues(dim=4, graph=graph, generator=generator(0))(graph, generator=generator(1))
    ratio = weighed.x[weighed.x != 0] / graph.x[weighed.x != 0]
    assert 0 < float(ratio.min()) < float(ratio.max()) < 1
    assert made.gates.shape == graph.x.shape
    assert bool(((made.gates > 0) & (made.gates < 1)).all())


# --- the terms ---------------------------------------------------------------------------------------


def test_mmd_is_that_of_loops() -> None:
    x, y = random(4, 3, 0), random(4, 3, 1)
    every = torch.cat([x, y]).detach()
    distance = [[float((a - b).square().sum()) for b in every] for a in every]
    middle = sum(map(sum, distance)) / (8 * 7)
    k = [[sum(math.exp(-d / (middle * 2.0**power)) for power in (-2, -1, 0, 1, 2)) for d in line] for line in distance]
    first, second = range(4), range(4, 8)
    mean = {(a, b): sum(k[i][j] for i in p for j in q) / 16
            for a, p in (("x", first), ("y", second)) for b, q in (("x", first), ("y", second))}  # fmt: skip
    value = mmd_values(x, y).mean()
    assert float(value.detach()) == pytest.approx(mean["x", "x"] + mean["y", "y"] - 2 * mean["x", "y"])
    assert float(mmd_values(x, x).mean().detach()) == pytest.approx(0, abs=1e-9)
    far, near = (float(mmd_values(x, x + shift).mean().detach()) for shift in (2.0, 0.2))
    assert far > 3 * near > 0
    with pytest.raises(UserError, match="'a' has 4 rows and 'b' 3"):
        MMD("a", "b")(FakeFlow({"a": Rows(x), "b": Rows(y[:3])}))


def test_segments_are_of_equal_length_within_a_series() -> None:
    member = torch.tensor([0] * 7 + [1] * 2 + [2])
    assert segments_of(member, 3).tolist() == [0, 0, 0, 1, 1, 2, 2, 3, 4, 6]


def test_a_segment_looks_for_the_next_one_of_its_series() -> None:
    nodes = random(8, 3, 0)
    member = torch.tensor([0, 0, 0, 0, 0, 1, 1, 2])
    pooled = [nodes[:2].amax(0), nodes[2:4].amax(0), nodes[4], nodes[5], nodes[6], nodes[7]]
    expected = []
    for own, following in ((0, 1), (1, 2), (3, 4)):
        others = [float(pooled[own] @ pooled[n]) / 0.5 for n in range(6) if n != own]
        expected.append(math.log(sum(map(math.exp, others))) - float(pooled[own] @ pooled[following]) / 0.5)
    (group,) = NextSegment("a.nodes", segments=3, temperature=0.5)(FakeFlow({"a.nodes": Rows(nodes, member=member)}))
    assert group.values.tolist() == pytest.approx(expected)
    (alone,) = NextSegment("a.nodes")(FakeFlow({"a.nodes": Rows(nodes[:1], member=member[:1])}))
    assert float(reduce_groups([alone], "mean").detach()) == 0


def test_gates_far_away_are_pushed_apart_or_pulled_together_where_asked() -> None:
    gates, member = torch.tensor([[0.1], [0.4], [0.9]]), torch.tensor([0, 0, 1])
    draws = torch.tensor([0.9, 0.9, 0.0])  # partners: node 1, itself, itself
    near = torch.tensor([0.3, 0.3, 0.0])
    assert torch.allclose(roughness(gates, member, "none", draws), near)
    assert torch.allclose(roughness(gates, member, "together", draws), near + torch.tensor([0.3, 0.0, 0.0]))
    assert torch.allclose(roughness(gates, member, "apart", draws), near + torch.tensor([0.7, 1.0, 1.0]))


# --- the run -----------------------------------------------------------------------------------------

SMALL = ("train.epochs=3", "encoder.dim=8", "eval.baselines=[]", "eval.random_encoder=false", "train.threads=1",
         "eval.probe_options={grid: [1.0]}", "train.batch_size=75")  # fmt: skip


def parts(*changes: str) -> dict[str, dict[str, torch.Tensor]]:
    model = graphcl.fit(graphcl.load("autotcl", *SMALL, *changes)).model
    return {"augmenter": dict(model.augmenters.named_parameters()), "encoder": dict(model.towers.named_parameters())}


def test_each_phase_moves_its_own_part() -> None:
    """Without its phase the augmenter stays as it began; the encoder does not feel the discrepancy's weight."""
    both, still = parts(), parts("phases.augmenter.lr=1e-12")
    moved = [not torch.allclose(a, b) for a, b in
             zip(both["augmenter"].values(), still["augmenter"].values(), strict=True)]  # fmt: skip
    assert all(moved)
    scaled, again = (parts("phases.augmenter.lr=1e-12", f"terms.mmd.weight={weight}") for weight in (1.0, 50.0))
    for name, value in scaled["encoder"].items():
        assert torch.equal(value, again["encoder"][name])


def test_a_budget_closes_gates() -> None:
    model = graphcl.fit(graphcl.load("autotcl", *SMALL, "regularizers.gate_shape.most=0.1", "terms.mmd.weight=0.0",
                                     "regularizers.gate_shape.weight=1.0", "phases.augmenter.lr=0.05",
                                     "phases.augmenter.every=1", "train.epochs=6")).model  # fmt: skip
    from graphcl.data.series_sets.series_set import SeriesSetData

    graph = SeriesSetData().load(seed=0).packed.batch()
    made = model.augmenters["weigh_values"](graph, generator=generator(0))
    assert float(made.gates.detach().mean()) < 0.3


def test_a_view_without_gates_is_told() -> None:
    recipe = graphcl.load("autotcl", *SMALL, "regularizers.gate_shape.view=x")
    with pytest.raises(UserError, match="view 'x' has no weigh_values"):
        graphcl.fit(recipe)
