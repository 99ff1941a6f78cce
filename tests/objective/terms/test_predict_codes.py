"""Codes over prototypes: balancing by hand and against loops, and the term against its parts."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from graphcl.core.errors import UserError
from graphcl.encode.prototypes import Prototypes
from graphcl.objective.base import Rows, reduce_groups
from graphcl.objective.terms.predict_codes import PredictCodes, predict_codes, sinkhorn_codes, softmax_codes

from ..fake_flow import FakeFlow, picked, random


def by_loops(scores: Tensor, temperature: float, iterations: int) -> list[list[float]]:
    q = [[math.exp(s / temperature) for s in row] for row in scores.tolist()]
    for _ in range(iterations):
        columns = [sum(row[k] for row in q) for k in range(len(q[0]))]
        q = [[v / c for v, c in zip(row, columns, strict=True)] for row in q]
        q = [[v / sum(row) for v in row] for row in q]
    return q


def test_one_turn_by_hand() -> None:
    """exp(S) = [[2, 1], [1, 1]]: columns of sum 1 are [[2/3, 1/2], [1/3, 1/2]]; then rows."""
    codes = sinkhorn_codes(torch.tensor([[2.0, 1.0], [1.0, 1.0]]).log(), 1.0, 1)
    torch.testing.assert_close(codes, torch.tensor([[4 / 7, 3 / 7], [2 / 5, 3 / 5]]))


def test_turns_are_those_of_the_loops() -> None:
    scores = random(7, 4, 0).detach()
    torch.testing.assert_close(sinkhorn_codes(scores, 0.5, 3), torch.tensor(by_loops(scores, 0.5, 3)).double())


def test_many_turns_use_all_prototypes_alike() -> None:
    """All rows are nearest to one prototype, and yet each gets its share."""
    scores = random(60, 4, 0).detach()
    scores[:, 0] += 5
    codes = sinkhorn_codes(scores, 0.5, 200)
    torch.testing.assert_close(codes.sum(0), torch.full((4,), 15.0).double(), rtol=1e-3, atol=0)
    torch.testing.assert_close(codes.sum(1), torch.ones(60).double())
    assert softmax_codes(scores, 0.5).sum(0)[0] > 55


def test_no_score_is_too_large() -> None:
    codes = sinkhorn_codes(torch.tensor([[1e4, 0.0], [0.0, 1e4], [-1e4, 1e4]]), 0.05)
    assert bool(torch.isfinite(codes).all())
    torch.testing.assert_close(codes.sum(1), torch.ones(3))


def test_softmax_codes_subtract_the_centre_first() -> None:
    scores = torch.tensor([[0.3, 0.1]])
    torch.testing.assert_close(softmax_codes(scores, 0.1, torch.tensor([0.2, 0.0])), torch.full((1, 2), 0.5))
    first = 1 / (1 + math.exp(-2))
    torch.testing.assert_close(softmax_codes(scores, 0.1), torch.tensor([[first, 1 - first]]))


def test_the_cross_entropy_by_hand() -> None:
    value = predict_codes(torch.tensor([[0.1, 0.0]]), torch.tensor([[0.25, 0.75]]), 0.1)
    log_total = math.log(math.e + 1)
    assert float(value) == pytest.approx(0.25 * (log_total - 1) + 0.75 * log_total)


def test_the_term_is_the_mean_over_both_directions() -> None:
    a, b = random(5, 3, 0), random(5, 3, 1)
    flow = FakeFlow({"a.codes": Rows(a), "b.codes": Rows(b)})
    value = reduce_groups(PredictCodes(["a.codes", "b.codes"], ["b.codes", "a.codes"])(flow), "mean")
    there = predict_codes(a, sinkhorn_codes(b), 0.1).mean()
    back = predict_codes(b, sinkhorn_codes(a), 0.1).mean()
    torch.testing.assert_close(value, (there + back) / 2)


def test_no_gradient_goes_through_codes() -> None:
    a, b = random(5, 3, 0), random(5, 3, 1)
    flow = FakeFlow({"a.codes": Rows(a), "b.codes": Rows(b)})
    reduce_groups(PredictCodes("a.codes", "b.codes")(flow), "mean").backward()
    assert b.grad is None
    expected = ((a / 0.1).softmax(1) - sinkhorn_codes(b)).detach() / 0.1 / 5
    torch.testing.assert_close(a.grad, expected)


def test_rows_are_paired_by_id_and_those_without_partner_are_counted() -> None:
    a, b = random(6, 3, 0), random(6, 3, 1)
    flow = FakeFlow({"a.codes": picked(a, [4, 2, 5]), "b.codes": picked(b, [2, 4, 0])})
    (group,) = PredictCodes("a.codes", "b.codes")(flow)
    torch.testing.assert_close(group.values, predict_codes(a[[4, 2]], sinkhorn_codes(b[[4, 2]]), 0.1))
    assert group.left_out == 1
    assert group.ids is not None
    assert group.ids.tolist() == [4, 2]


def test_a_queue_takes_part_in_the_balance_alone() -> None:
    head = Prototypes(3, in_dim=2, generator=torch.Generator().manual_seed(0)).double()
    a, b, earlier = random(4, 3, 0), random(4, 3, 1), random(9, 2, 2).detach()
    flow = FakeFlow({"a.codes": Rows(a), "b.codes": Rows(b), "state.q.keys": earlier})
    term = PredictCodes("a.codes", "b.codes", queue="state.q.keys", heads={"codes": head})
    (group,) = term(flow)
    codes = sinkhorn_codes(torch.cat([b.detach(), head(earlier).detach()]))[:4]
    torch.testing.assert_close(group.values, predict_codes(a, codes, 0.1))
    assert list(term.parameters()) == []


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(UserError, match="2 of x, 1 of y; give as many"):
        PredictCodes(["a.codes", "b.codes"], "b.codes")
    with pytest.raises(UserError, match="center is for codes: softmax"):
        PredictCodes("a.codes", "b.codes", center="state.c.mean")
    with pytest.raises(UserError, match=r"'teacher\(b\).codes' is none of tower main; heads: codes"):
        PredictCodes("a.codes", "teacher(b).codes", queue="state.q.keys", heads={"codes": nn.Identity()})
    flow = FakeFlow({"a.codes": Rows(random(4, 3, 0)), "b.codes": Rows(random(4, 2, 1))})
    with pytest.raises(UserError, match="one side is 3 wide and the other 2"):
        PredictCodes("a.codes", "b.codes")(flow)
