from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.objective.base import Rows
from graphcl.objective.curve import CurveWeights, read_curve
from graphcl.objective.terms.info_nce import InfoNCE

from .fake_flow import FakeFlow, picked, random, unit

#: Weight 1 at cosine -1, 3 at 0 and 2 at 1.
CURVE = torch.tensor([[-1.0, 1.0], [0.0, 3.0], [1.0, 2.0]])


def weight(cosine: float) -> float:
    return 3 + 2 * cosine if cosine < 0 else 3 - cosine


def test_it_is_read_between_its_points_and_held_beyond_its_ends() -> None:
    x = torch.tensor([[-2.0, -1.0, -0.25], [0.0, 0.5, 1.5]])
    torch.testing.assert_close(read_curve(CURVE, x), torch.tensor([[1.0, 1.0, 2.5], [3.0, 2.5, 2.0]]))
    assert x[0, 0] == -2.0


def slow(a: Tensor, c: Tensor, t: float, intra: bool) -> Tensor:
    """The loss of each anchor, by loops: anchor i's positive is candidate i."""
    values = []
    for i in range(len(a)):
        inter = {k: float(a[i] @ c[k]) for k in range(len(c)) if k != i}
        own = {k: float(a[i] @ a[k]) for k in range(len(a)) if k != i} if intra else {}
        total = torch.exp(torch.tensor(float(a[i] @ c[i]) / t))
        for side in (inter, own):
            mean = sum(map(weight, side.values())) / max(len(side), 1)
            total = total + sum(weight(s) / mean * torch.exp(torch.tensor(s / t)) for s in side.values())
        values.append(total.log() - float(a[i] @ c[i]) / t)
    return torch.stack(values)


@pytest.mark.parametrize("intra", [False, True])
@pytest.mark.parametrize("symmetric", [False, True])
def test_info_nce_with_weighted_negatives_is_the_loops(intra: bool, symmetric: bool) -> None:
    a, c = random(7, 3, 1), random(7, 3, 2)
    ids = torch.arange(7)
    flow = FakeFlow({"a": Rows(a, None, ids), "c": Rows(c, None, ids), "state.m.curve": CURVE})
    options = {"temperature": 0.5, "intra": intra, "symmetric": symmetric}
    (group,) = InfoNCE("a", "c", negative_weights="state.m.curve", **options)(flow)
    expected = slow(unit(a.detach()), unit(c.detach()), 0.5, intra)
    if symmetric:
        expected = (expected + slow(unit(c.detach()), unit(a.detach()), 0.5, intra)) / 2
    torch.testing.assert_close(group.values.detach().float(), expected.float())
    (plain,) = InfoNCE("a", "c", **options)(flow)
    assert not torch.allclose(plain.values, group.values)


def test_rows_that_repeat_count_as_often_as_they_stand_there() -> None:
    a, c, ids = random(5, 3, 1), random(5, 3, 2), [0, 1, 1, 3, 4, 4, 4]
    once = FakeFlow({"a": picked(a, ids), "c": picked(c, ids), "state.m.curve": CURVE})
    (group,) = InfoNCE("a", "c", negative_weights="state.m.curve")(once)
    cosine = unit(a.detach()) @ unit(c.detach()).T
    for value, number, count in zip(group.values.detach(), group.ids, group.weight, strict=True):
        i = int(number)
        # The positive and each copy of it stand among the candidates; the copies are no negatives.
        others = [k for k in ids if k != i]
        mean = sum(weight(float(cosine[i, k])) for k in others) / len(others)
        total = sum(weight(float(cosine[i, k])) / mean * torch.exp(cosine[i, k] / 0.2) for k in others)
        total = total + ids.count(i) * torch.exp(cosine[i, i] / 0.2)
        assert float(value) == pytest.approx(float(count) * float(total.log() - cosine[i, i] / 0.2), rel=1e-5)


def test_equal_weights_or_none_change_nothing() -> None:
    a, c = random(6, 3, 1), random(6, 3, 2)
    level = torch.tensor([[-1.0, 0.3], [1.0, 0.3]])
    table = {"a": a, "c": c, "state.m.curve": level, "state.n.curve": torch.zeros(0, 2)}
    table["state.z.curve"] = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
    (plain,) = InfoNCE("a", "c", intra=True)(FakeFlow(table))
    for name in ("state.m.curve", "state.n.curve", "state.z.curve"):
        (group,) = InfoNCE("a", "c", intra=True, negative_weights=name)(FakeFlow(table))
        torch.testing.assert_close(group.values, plain.values)


def test_weights_take_no_gradient_and_blocks_see_whole_rows() -> None:
    similarity = torch.rand(4, 9, generator=torch.Generator().manual_seed(0)) * 2 - 1
    weights = CurveWeights(CURVE, torch.arange(4), None, 9)
    rows, cols = torch.arange(4), torch.arange(9)
    whole = weights(similarity.clone(), rows, cols)
    parts = torch.cat([weights(similarity[i : i + 1].clone(), rows[i : i + 1], cols) for i in range(4)])
    torch.testing.assert_close(whole, parts)
    assert whole[rows, rows].tolist() == [0.0] * 4
    others = whole.exp().masked_fill(torch.eye(4, 9).bool(), 0.0)
    torch.testing.assert_close(others.sum(1) / 8, torch.ones(4))


@pytest.mark.parametrize("options", [{"similarity": "dot"}, {"positives": "p"}])
def test_it_is_refused_where_there_are_no_cosines_of_candidates(options: dict[str, str]) -> None:
    with pytest.raises(UserError, match="negative_weights is a curve over cosines"):
        InfoNCE("a", "c", negative_weights="state.m.curve", **options)  # type: ignore[arg-type]
