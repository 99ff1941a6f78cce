from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.objective.base import Rows, reduce_groups
from graphcl.objective.states.temperatures import Temperatures
from graphcl.objective.terms.info_nce import InfoNCE
from tests.recipes.node_runs import losses

from ..fake_flow import FakeFlow, picked, random, unit


def slow(state: Temperatures, seen: list[tuple[Tensor, Tensor, list[int]]], rho: float) -> dict[str, list[float]]:
    """Qiu et al. 2023, algorithm 1, anchor by anchor and negative by negative; one direction, own view included."""
    count = len(state.temperature)
    tau, s, u = [0.1] * count, [0.0] * count, [0.0] * count
    weight, used = [1.0] * count, [0.1] * count
    for a, b, ids in seen:
        for i in ids:
            negatives = [unit(a[i]) @ unit(x[j]) for x in (a, b) for j in ids if j != i]
            h = [float(n - unit(a[i]) @ unit(b[i])) for n in negatives]
            g = sum(math.exp(x / tau[i]) for x in h) / len(h)
            s[i] = g if s[i] == 0 else 0.2 * s[i] + 0.8 * g
            inner = sum(math.exp(x / tau[i]) / s[i] * x / tau[i] for x in h) / len(h)
            gradient = math.log(s[i]) + rho - inner
            u[i] = 0.1 * u[i] + 0.9 * max(-5.0, min(5.0, gradient))
            weight[i], used[i] = g / s[i], tau[i]
            tau[i] = max(0.05, min(0.3, tau[i] - 0.02 * u[i]))
    return {"temperature": used, "weight": weight, "slope": u, "log_mean": [math.log(x) if x else 0.0 for x in s]}


STEPS = [[0, 1, 2, 3], [4, 2, 0, 1], [3, 2, 1, 0], [0, 1, 4, 3]]


@pytest.mark.parametrize("rho", [0.3, 6.0])
def test_against_the_algorithm_written_out(rho: float) -> None:
    state = Temperatures("a", ["b", "a"], lowest=0.05, highest=0.3, rho=rho, rate=0.02, size=5).double()
    seen = [(random(5, 3, 2 * n).detach(), random(5, 3, 2 * n + 1).detach(), ids) for n, ids in enumerate(STEPS)]
    for a, b, ids in seen:
        flow = FakeFlow({"a": picked(a, ids), "b": picked(b, ids)})
        both = torch.cat([b[ids], a[ids]])
        candidates = Rows(both, None, torch.tensor([*ids, *ids]))
        state.update({"anchors": flow.rows("a"), "candidates": candidates}, generator=torch.Generator())
    for field, expected in slow(state, seen, rho).items():
        assert state.field(field).tolist() == pytest.approx(expected, rel=1e-4, abs=1e-5), field
    assert state.seen.tolist() == [4, 4, 3, 3, 2]


def test_the_terms_gradient_is_that_of_the_weighted_negatives() -> None:
    """sum_i sum_neg exp(h / t_i) / (n s_i) * grad h, with the two tables of the state."""
    a, b, t = random(4, 3, 0), random(4, 3, 1), torch.tensor([0.2, 0.5, 0.1, 1.0], dtype=torch.float64)
    ratio = torch.tensor([1.0, 0.7, 1.4, 1.1], dtype=torch.float64)
    term = InfoNCE("a", "b", intra=True, positive_in_denominator=False, temperatures="state.t.temperature",
                   weights="state.t.weight", reduce="sum")  # fmt: skip
    ids = torch.arange(4)
    flow = FakeFlow({"a": Rows(a, None, ids), "b": Rows(b, None, ids), "state.t.temperature": t,
                     "state.t.weight": ratio})  # fmt: skip
    ours = torch.autograd.grad(reduce_groups(term(flow), "sum"), [a, b])
    surrogate = torch.zeros((), dtype=torch.float64)
    for i in range(4):
        positive = unit(a[i]) @ unit(b[i])
        h = torch.stack([unit(a[i]) @ unit(x[j]) - positive for x in (a, b) for j in range(4) if j != i])
        g = (h / t[i]).exp().mean().detach()
        surrogate = surrogate + ((h / t[i]).exp().detach() / (g / ratio[i]) * h).mean()
    torch.testing.assert_close(ours, torch.autograd.grad(surrogate, [a, b]))


def mean_temperatures(alike: int) -> tuple[float, float]:
    """Of a group around one direction, and of the others of 90 examples, which lie anywhere; seen in batches."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.nn.functional.normalize(torch.randn(90, 16, generator=generator), dim=1)
    centres[:alike] = centres[0]
    state = Temperatures("a", "b", init=0.3, rho=0.5, rate=0.02, size=90)
    for _ in range(150):
        ids = torch.randperm(90, generator=generator)[:45]
        one, other = (centres[ids] + 0.05 * torch.randn(45, 16, generator=generator) for _ in range(2))
        state.update({"anchors": Rows(one, None, ids), "candidates": Rows(other, None, ids)}, generator=generator)
    return float(state.temperature[:alike].mean()), float(state.temperature[alike:].mean())


def test_what_is_common_gets_a_larger_temperature_than_what_is_rare() -> None:
    """With negatives as alike as a group of 15 among 90, against rows that nothing resembles (Gaussian cosines of
    deviation 1 / 4, whose divergence is 0.5 at t = 1 / 4)."""
    common, rare = mean_temperatures(15)
    assert rare == pytest.approx(0.25, abs=0.06)
    assert common > 1.4 * rare
    # where nearly all negatives are alike they are all there is to tell apart, and a low temperature does it
    assert mean_temperatures(80)[0] < rare


def test_nothing_to_learn_from_changes_nothing_and_mistakes_are_refused() -> None:
    state, generator = Temperatures("a", "b", size=4), torch.Generator()
    x = torch.eye(3)
    for ids, others in (([], []), ([1], [1]), ([1, 2], [3, 0])):  # no anchor, no negative, no positive
        rows = [Rows(x[: len(i)], None, torch.tensor(i, dtype=torch.int64)) for i in (ids, others)]
        state.update(dict(zip(("anchors", "candidates"), rows, strict=True)), generator=generator)
    assert state.seen.tolist() == [0] * 4
    far = Rows(x, None, torch.tensor([0, 1, 9]))
    with pytest.raises(UserError, match="example 9 is beyond their size 4"):
        state.update({"anchors": far, "candidates": far}, generator=generator)
    with pytest.raises(UserError, match="need ids"):
        state.update({"anchors": Rows(x), "candidates": Rows(x)}, generator=generator)
    with pytest.raises(UserError, match=r"init 2 must lie from lowest 0\.005 to highest 1"):
        Temperatures("a", "b", init=2.0, size=4)
    with pytest.raises(UserError, match="symmetric has no opposite direction with temperatures"):
        InfoNCE("a", "b", symmetric=True, temperatures="state.t.temperature")


def test_the_recipe_uses_its_temperatures() -> None:
    small = ("encoder.dim=8", "heads.proj.dim=8")
    changes = ("", "states.of_a.rho=6", "states.of_a.rate=0", "states.of_b.init=0.2")
    runs = [tuple(losses("isogclr", *small, *change.split(), epochs=3)) for change in changes]
    assert len(set(runs)) == 4
