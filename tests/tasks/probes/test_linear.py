"""Logistic regression as a probe."""

from __future__ import annotations

import torch

from graphcl.tasks.probes.base import Labelled
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
