"""Positives between prototypes: the closed form against a search, and the term against loops."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.objective.base import Rows, reduce_groups
from graphcl.objective.terms.slerp_positives import SlerpPositives, boundary, positives_between, slerp

from ..fake_flow import FakeFlow, random, unit


def rows(count: int, dim: int, seed: int) -> Tensor:
    return unit(random(count, dim, seed).detach())


def test_half_of_the_way_between_axes() -> None:
    x, y = torch.eye(2, dtype=torch.float64)
    half = math.sqrt(0.5)
    torch.testing.assert_close(slerp(x, y, torch.tensor(0.5, dtype=torch.float64)), torch.tensor([half, half]).double())
    third = slerp(x, y, torch.tensor(1 / 3, dtype=torch.float64))
    torch.testing.assert_close(third, torch.tensor([math.cos(math.pi / 6), 0.5]).double())
    torch.testing.assert_close(slerp(x, x, torch.tensor(0.7).double()), x)


def test_the_boundary_by_hand() -> None:
    """A key at 10 degrees, prototypes at 0 and 60: the boundary is at 30, two fifths of the way from 10 to 60."""
    at = [torch.tensor([math.cos(a), math.sin(a)], dtype=torch.float64) for a in (math.pi / 18, 0.0, math.pi / 3)]
    assert float(boundary(*at)) == pytest.approx(0.4)
    assert float(boundary(at[1], at[1], at[2])) == pytest.approx(0.5)


def test_the_boundary_is_where_both_prototypes_are_as_near() -> None:
    keys, prototypes = rows(200, 6, 0), rows(8, 6, 1)
    order = (keys @ prototypes.T).argsort(dim=1, descending=True)
    own, other = prototypes[order[:, 0]], prototypes[order[:, 3]]
    point = slerp(keys, other, boundary(keys, own, other))
    torch.testing.assert_close((point * own).sum(1), (point * other).sum(1), atol=1e-6, rtol=0)
    torch.testing.assert_close(point.norm(dim=1), torch.ones(200).double())


def test_points_at_the_edges_are_finite() -> None:
    keys = torch.eye(3).double()
    prototypes = torch.stack([keys[0], keys[0], -keys[0]])  # a twin, and an opposite
    made = positives_between(keys, prototypes, 5, nearest=2, reach=0.0, generator=generator(0))
    assert bool(torch.isfinite(made.points).all())


def test_kept_points_are_nearest_to_the_prototype_of_their_key() -> None:
    keys, prototypes = rows(50, 8, 2), rows(10, 8, 3)
    made = positives_between(keys, prototypes, 40, nearest=4, reach=0.8, generator=generator(0))
    own = (keys @ prototypes.T).argmax(1)
    near = (made.points @ prototypes.T).argmax(2)
    assert torch.equal(made.kept, near == own[:, None])
    assert 0.5 < float(made.kept.double().mean()) <= 1
    away = (made.points * keys[:, None]).sum(2)
    nearer = positives_between(keys, prototypes, 40, nearest=4, reach=1.0, generator=generator(0))
    assert float((nearer.points * keys[:, None]).sum(2).mean()) > float(away.mean())


def flow(prototypes: Tensor) -> tuple[FakeFlow, Tensor, Tensor]:
    q, k = random(4, 5, 0), random(4, 5, 1)
    ids, shuffled = torch.tensor([3, 1, 2, 0]), torch.tensor([1, 0, 3, 2])
    return FakeFlow({"q": Rows(q, None, ids), "k": Rows(k, None, shuffled), "state.p.centroids": prototypes}), q, k


def test_the_term_is_the_mean_pull_of_all_kept_points() -> None:
    prototypes = random(6, 5, 2).detach()
    found, q, k = flow(prototypes)
    term = SlerpPositives("q", "k", "state.p.centroids", count=7, nearest=3, temperature=0.5)
    value = reduce_groups(term(found), "mean")
    own, partner = [3, 1, 2, 0], [1, 0, 3, 2]  # rows of q and of k with the ids 0 to 3
    made = positives_between(unit(k[partner]).detach(), unit(prototypes), 7, nearest=3, reach=0.8,
                             generator=torch.Generator().manual_seed(0))  # fmt: skip
    pulls = [
        -float(unit(q[own[i]]) @ made.points[i, n]) / 0.5 for i in range(4) for n in range(7) if bool(made.kept[i, n])
    ]
    assert float(value.detach()) == pytest.approx(sum(pulls) / len(pulls))
    value.backward()
    assert q.grad is not None
    assert k.grad is None


def test_without_prototypes_there_is_nothing_to_pull() -> None:
    found, _, _ = flow(torch.zeros(0, 0))
    value = reduce_groups(SlerpPositives("q", "k", "state.p.centroids")(found), "mean")
    assert float(value.detach()) == 0
    value.backward()
    wide, _, _ = flow(torch.zeros(3, 9))
    with pytest.raises(UserError, match=r"'state\.p\.centroids' is 9 wide and 'k' 5"):
        SlerpPositives("q", "k", "state.p.centroids")(wide)
