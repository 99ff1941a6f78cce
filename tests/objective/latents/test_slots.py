"""Slots: attentive pooling against loops, and what a contrast of them compares."""

from __future__ import annotations

import math

import pytest
import torch

from graphcl.core.seeds import generator
from graphcl.objective.base import Rows
from graphcl.objective.latents.slots import EPS, Slots, attend_slots
from graphcl.objective.terms.info_nce import InfoNCE

from ..fake_flow import FakeFlow, random


def test_pooling_is_that_of_the_loops() -> None:
    x, scores, member = random(9, 3, 0), random(9, 4, 1), torch.tensor([0, 0, 0, 0, 1, 2, 2, 2, 2])
    slots, best = attend_slots(x, scores, member, 0.5)
    for graph in range(3):
        nodes = [n for n in range(9) if member[n] == graph]
        share = {n: [math.exp(s / 0.5) for s in scores[n].tolist()] for n in nodes}
        share = {n: [v / sum(row) + EPS for v in row] for n, row in share.items()}
        for k in range(4):
            total = sum(share[n][k] for n in nodes)
            expected = sum(share[n][k] / total * x[n] for n in nodes)
            torch.testing.assert_close(slots[graph, k], expected)
            assert bool(best[graph, k]) == any(int(scores[n].argmax()) == k for n in nodes)
    slots.square().sum().backward()
    assert x.grad is not None
    assert bool((x.grad != 0).all())


def test_slots_that_nobody_is_nearest_to_are_left_out_and_the_others_say_who_they_are() -> None:
    scores = torch.tensor([[9.0, 0, 0], [9.0, 0, 0], [0, 0, 9.0], [0, 9.0, 0]])
    x = torch.tensor([[1.0], [3.0], [5.0], [7.0]])
    made = Slots("codes", temperature=0.5)(
        x, codes=Rows(scores, None, None, torch.tensor([0, 0, 0, 1])), generator=generator(0)
    )
    assert made.ids is not None
    assert made.ids.tolist() == [0, 2, 4]
    torch.testing.assert_close(made.values, torch.tensor([[2.0], [5.0], [7.0]]), atol=1e-4, rtol=0)


def test_no_node_has_no_slot() -> None:
    made = Slots("codes")(torch.zeros(0, 3), codes=Rows(torch.zeros(0, 2)), generator=generator(0))
    assert made.values.shape == (0, 3)


def test_a_contrast_finds_the_slot_of_the_other_view_among_all_of_the_batch() -> None:
    """Of two graphs and three prototypes; slots of one view alone are negatives, but no anchors."""
    x, y = random(3, 4, 0), random(4, 4, 1)
    ids = {"a.pred": [0, 2, 4], "b.slots": [0, 1, 4, 5]}
    flow = FakeFlow({name: Rows(rows, None, torch.tensor(ids[name])) for name, rows in (("a.pred", x), ("b.slots", y))})
    (group,) = InfoNCE("a.pred", "b.slots", temperature=0.5)(flow)
    cosine = torch.nn.functional.normalize(x, dim=1) @ torch.nn.functional.normalize(y, dim=1).T / 0.5
    expected = [torch.logsumexp(cosine[i], 0) - cosine[i, j] for i, j in ((0, 0), (2, 2))]
    torch.testing.assert_close(group.values, torch.stack(expected))
    assert group.left_out == 1
    assert group.ids is not None
    assert group.ids.tolist() == [0, 4]


@pytest.mark.parametrize("temperature", [0.01, 10.0])
def test_large_scores_are_finite(temperature: float) -> None:
    slots, _ = attend_slots(torch.ones(3, 2), torch.full((3, 2), 1e4), torch.tensor([0, 0, 1]), temperature)
    torch.testing.assert_close(slots, torch.ones(2, 2, 2))
