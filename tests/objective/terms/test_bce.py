from __future__ import annotations

import math

import pytest
import torch

from graphcl.core.errors import UserError
from graphcl.objective.base import Rows, reduce_groups
from graphcl.objective.terms.bce import BCE, binary_cross_entropy, gbce_beta

from ..fake_flow import FakeFlow, picked, random


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def dot(a: list[float], b: list[float]) -> float:
    return sum(p * q for p, q in zip(a, b, strict=True))


def test_one_negative_each() -> None:
    a, p, n = random(5, 3, 0), random(5, 3, 1), random(5, 3, 2)
    rows = zip(a.tolist(), p.tolist(), n.tolist(), strict=True)
    expected = [-math.log(sigmoid(dot(x, y))) - math.log(1 - sigmoid(dot(x, z))) for x, y, z in rows]
    assert binary_cross_entropy(a, p, n).tolist() == pytest.approx(expected)


def test_several_negatives_of_each_anchor() -> None:
    a, p, n = random(4, 3, 0), random(4, 3, 1), random(12, 3, 2)
    expected = [
        -math.log(sigmoid(dot(a[i].tolist(), p[i].tolist())))
        - sum(math.log(1 - sigmoid(dot(a[i].tolist(), z))) for z in n[3 * i : 3 * i + 3].tolist())
        for i in range(4)
    ]
    assert binary_cross_entropy(a, p, n).tolist() == pytest.approx(expected)
    flow = FakeFlow({"a": Rows(a), "next": picked(random(9, 3, 3), [1, 2, 3, 4]), "own": Rows(n)})
    (found,) = BCE("a", "next", "own", t=0.5)(flow)
    calibrated = binary_cross_entropy(a, random(9, 3, 3)[1:5], n, gbce_beta(0.5, 3, 9))
    torch.testing.assert_close(found.values, calibrated)


def test_shared_negatives_and_calibration() -> None:
    a, p, n, beta = random(4, 3, 0), random(4, 3, 1), random(4, 3, 2), 0.3
    expected = [
        -beta * math.log(sigmoid(dot(x, y))) - sum(math.log(1 - sigmoid(dot(x, z))) for z in n.tolist())
        for x, y in zip(a.tolist(), p.tolist(), strict=True)
    ]
    assert binary_cross_entropy(a, p, n, beta, shared=True).tolist() == pytest.approx(expected)


def test_beta_is_one_without_calibration_and_the_sampled_share_with_all() -> None:
    assert gbce_beta(0.0, 5, 101) == 1
    assert gbce_beta(1.0, 5, 101) == pytest.approx(0.05)
    assert gbce_beta(1.0, 500, 101) == 1  # nothing is left out of the sample


def test_the_term_reads_its_rows_and_the_catalogue() -> None:
    nodes, items = random(6, 3, 0), random(9, 3, 1)
    flow = FakeFlow({"a": Rows(nodes), "next": picked(items, [1, 2, 3, 1, 0, 8]), "few": picked(items, [4, 5])})
    term = BCE("a", "next", "few", shared=True, t=0.5)
    pos = items[[1, 2, 3, 1, 0, 8]]
    expected = binary_cross_entropy(nodes, pos, items[[4, 5]], gbce_beta(0.5, 2, 9), shared=True)
    torch.testing.assert_close(reduce_groups(term(flow), "mean"), expected.mean())


def test_counts_that_do_not_fit_are_refused() -> None:
    flow = FakeFlow({"a": Rows(random(3, 2, 0)), "b": Rows(random(2, 2, 1))})
    with pytest.raises(UserError, match="3 anchors, 3 positives and 2 negatives; give one positive and as many"):
        BCE("a", "a", "b")(flow)
    with pytest.raises(UserError, match="3 anchors, 2 positives"):
        BCE("a", "b", "b", shared=True)(flow)


def test_an_item_that_an_anchor_should_predict_is_no_negative_of_it() -> None:
    nodes, items = random(2, 3, 0), random(5, 3, 1)
    flow = FakeFlow({"a": Rows(nodes), "next": picked(items, [1, 2]), "few": picked(items, [4, 2, 1])})
    (found,) = BCE("a", "next", "few", shared=True)(flow)
    expected = [binary_cross_entropy(nodes[[i]], items[[p]], items[own], shared=True)
                for i, (p, own) in enumerate([(1, [4, 2]), (2, [4, 1])])]  # fmt: skip
    torch.testing.assert_close(found.values, torch.cat(expected))
