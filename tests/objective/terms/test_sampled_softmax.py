"""Sampled softmax: equal to the full one where everything is sampled once, and near it in expectation if corrected."""

from __future__ import annotations

import doctest

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import graphcl.objective.terms.sampled_softmax as module
from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.objective.base import Rows, reduce_groups
from graphcl.objective.terms.sampled_softmax import SampledSoftmax

from ..fake_flow import FakeFlow, picked, random

ITEMS = 9


def test_the_example_holds() -> None:
    assert doctest.testmod(module).failed == 0


def value(anchors: Tensor, table: Tensor, positive: list[int], negative: list[int], share: Tensor | None = None,
          **options: object) -> Tensor:  # fmt: skip
    neg = picked(table, negative)
    flow = FakeFlow({"a": Rows(anchors), "p": picked(table, positive), "n": Rows(neg.base, neg.index, share=share)})
    term = SampledSoftmax("a", "p", "n", **options)  # type: ignore[arg-type]
    return reduce_groups(term(flow), "mean")


@pytest.mark.parametrize("temperature", [1.0, 0.5])
@pytest.mark.parametrize("shared", [True, False])
def test_all_items_once_and_alike_is_the_full_softmax(shared: bool, temperature: float) -> None:
    anchors, table, positive = random(4, 3, 0), random(ITEMS, 3, 1), [2, 0, 2, 8]
    every = list(range(ITEMS)) * (1 if shared else 4)
    share = torch.full((ITEMS,) if shared else (4, ITEMS), 1 / ITEMS)
    found = value(anchors, table, positive, every, share, shared=shared, temperature=temperature)
    expected = F.cross_entropy(anchors @ table.T / temperature, torch.tensor(positive))
    torch.testing.assert_close(found, expected)
    for one, other in zip(*(torch.autograd.grad(loss, [anchors, table]) for loss in (found, expected)), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("shared", [True, False])
def test_each_negative_counts_as_one_over_how_often_it_was_expected(shared: bool) -> None:
    """Written out, with a negative drawn twice and one that is the positive of an anchor."""
    anchors, table, positive, drawn = random(2, 3, 0), random(ITEMS, 3, 1), [5, 1], [[3, 5, 3, 0], [3, 5, 3, 0]]
    q = torch.arange(1.0, ITEMS + 1).double() / 45
    negative = drawn[0] if shared else drawn[0] + drawn[1]
    share = q[drawn[0]] if shared else q[torch.tensor(drawn)]
    found = value(anchors, table, positive, negative, share, shared=shared)
    expected = torch.zeros((), dtype=torch.float64)
    for a, p, row in zip(anchors, positive, drawn, strict=True):
        total = (a @ table[p]).exp() + sum(
            (torch.exp(a @ table[n]) / (4 * q[n]) for n in row if n != p), torch.zeros((), dtype=torch.float64)
        )
        expected = expected - (a @ table[p]) + total.log()
    torch.testing.assert_close(found, expected / 2)  # the mean over anchors


def test_in_expectation_the_corrected_gradient_is_the_full_one_and_the_plain_one_is_not() -> None:
    """Popular negatives, two hundred a draw: the corrected gradient is near that of all items."""
    anchors, table = random(6, 4, 2), random(ITEMS, 4, 3)
    positive = torch.tensor([0, 1, 2, 3, 4, 5])
    q = torch.tensor([30.0, 20.0, 10.0, 5.0, 3.0, 2.0, 1.0, 1.0, 1.0]).double()
    q = q / q.sum()
    full = torch.autograd.grad(F.cross_entropy(anchors @ table.T, positive), table)[0]
    source = generator(7)

    def averaged(corrected: bool) -> Tensor:
        total = torch.zeros_like(full)
        for _ in range(300):
            drawn = torch.multinomial(q, 200, replacement=True, generator=source)
            loss = value(anchors, table, positive.tolist(), drawn.tolist(), q[drawn], shared=True, log_q=corrected)
            total += torch.autograd.grad(loss, table)[0] / 300
        return total

    assert (averaged(True) - full).norm() < 0.03 * full.norm()
    assert (averaged(False) - full).norm() > 0.5 * full.norm()


def test_the_empty_batch_has_a_value() -> None:
    anchors, table = random(0, 3, 0), random(ITEMS, 3, 1)
    for shared in (True, False):
        loss = value(anchors, table, [], [1, 2] if shared else [], None, shared=shared, log_q=False)
        assert loss == 0
        loss.backward()


@pytest.mark.parametrize(
    ("negative", "share", "options", "said"),
    [
        ([1, 2, 3], None, {"log_q": False}, "2 anchors, 2 positives and 3 negatives"),
        ([1, 2], None, {}, "log_q needs rows of known probability, and 'n' are not sampled"),
        ([1, 2], torch.ones(2, 1) / 9, {"shared": True}, "'n' are sampled for each anchor"),
        ([1, 2], torch.ones(2) / 9, {}, "'n' are shared"),
    ],
)
def test_rows_that_do_not_fit_are_said(negative: list[int], share: Tensor | None, options: dict[str, bool],
                                       said: str) -> None:  # fmt: skip
    with pytest.raises(UserError, match=said):
        value(random(2, 3, 0), random(ITEMS, 3, 1), [0, 1], negative, share, **options)
