"""Logistic regression as a probe."""

from __future__ import annotations

import torch

from graphcl.data.graphs.splits import NodeSplit
from graphcl.tasks.probes.base import ClassCase, Labelled, area_under_curve, average
from graphcl.tasks.probes.linear import Linear


def test_standardised_columns_count_alike_whatever_their_unit() -> None:
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(60) % 2
    x = torch.randn(60, 3, generator=draw)
    x[:, 0] = x[:, 0] * 1000  # noise
    x[:, 1] = 0.01 * (y + 0.2 * x[:, 1])  # the class
    x[:, 2] = 5.0  # nothing
    found = {}
    for standardize in (False, True):
        classifier = Linear([0.1], normalize=False, standardize=standardize)
        labelled = Labelled(x, y)
        fitted = classifier.fit(train=labelled, valid=Labelled(x[:0], y[:0]), seed=0)
        found[standardize] = float((fitted.predict(x) == y).double().mean())
    assert found[True] > 0.95 > found[False]


def test_area_under_the_curve_by_hand() -> None:
    """Of four pairs (true, false) two are in order, one is a tie, one is not."""
    scores, truth = torch.tensor([0.1, 0.8, 0.3, 0.8]), torch.tensor([0, 1, 1, 0])
    assert area_under_curve(scores, truth) == 2.5 / 4


def test_two_classes_have_an_area_and_three_have_none() -> None:
    x = torch.arange(12.0)[:, None]
    parts = NodeSplit(torch.arange(0, 12, 2), torch.arange(0), torch.arange(1, 12, 2))
    two = Linear([1.0], normalize=False).judge(ClassCase(x, (x[:, 0] > 5).long(), parts), "test", seed=0)
    assert two["auc"] == 1.0
    three = Linear([1.0], normalize=False).judge(ClassCase(x, (x[:, 0] // 4).long(), parts), "test", seed=0)
    assert set(three) == {"accuracy", "macro_f1"}
    assert set(average([two, three])) == {"accuracy", "macro_f1", "accuracy/std", "macro_f1/std"}
