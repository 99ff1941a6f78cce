from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from graphcl.core.build import build
from graphcl.core.seeds import generator
from graphcl.tasks.probes.base import Labelled
from graphcl.tasks.probes.knn import Knn
from graphcl.tasks.probes.linear import Linear
from graphcl.tasks.probes.majority import Majority


def blobs(count: int, spread: float, seed: int) -> Labelled:
    """Three classes around the axes of 6 dimensions."""
    draw = generator(seed)
    y = torch.arange(count) % 3
    return Labelled(torch.eye(3, 6)[y] + spread * torch.randn(count, 6, generator=draw), y)


@pytest.mark.parametrize("name", ["linear", "knn"])
def test_learns_what_can_be_learned(name: str) -> None:
    probe = build("probe", name, {})
    fitted = probe.fit(train=blobs(60, 0.2, 0), valid=blobs(60, 0.2, 1), seed=0)
    test = blobs(300, 0.2, 2)
    assert float((fitted.predict(test.x) == test.y).float().mean()) > 0.95


@pytest.mark.parametrize("name", ["linear", "knn", "majority"])
def test_repeatable_pure_and_empty(name: str) -> None:
    train, valid, test = blobs(30, 1.0, 0), blobs(30, 1.0, 1), blobs(40, 1.0, 2)
    before = train.x.clone()
    first = build("probe", name, {}).fit(train=train, valid=valid, seed=3).predict(test.x)
    second = build("probe", name, {}).fit(train=train, valid=valid, seed=3).predict(test.x)
    assert torch.equal(first, second)
    assert first.dtype == torch.int64
    assert torch.equal(train.x, before)


def test_linear_chooses_the_strength_that_validates_best_and_equals_a_cold_fit() -> None:
    train, valid, test = blobs(30, 0.8, 0), blobs(200, 0.8, 1), blobs(200, 0.8, 2)
    grid = [1e-3, 0.1, 10.0, 1e4]
    unit = [torch.nn.functional.normalize(part.x.double(), dim=1).numpy() for part in (train, valid, test)]
    models = {c: LogisticRegression(C=c, max_iter=5000).fit(unit[0], train.y.numpy()) for c in grid}
    scores = {c: (m.predict(unit[1]) == valid.y.numpy()).mean() for c, m in models.items()}
    best = max(grid, key=lambda c: scores[c])
    fitted = Linear(grid=grid[::-1]).fit(train=train, valid=valid, seed=0)
    assert fitted.strength == best
    assert len(set(scores.values())) > 1
    agreement = np.mean(models[best].predict(unit[2]) == fitted.predict(test.x).numpy())
    assert agreement > 0.98


def test_the_settings_follow_validation_alone() -> None:
    train = blobs(30, 0.8, 0)
    swapped = Labelled(train.x, (train.y + 1) % 3)
    assert Linear(grid=[1e-6, 1e3]).fit(train=train, valid=train, seed=0).strength == 1e3
    assert Linear(grid=[1e-6, 1e3]).fit(train=train, valid=swapped, seed=0).strength == 1e-6


def test_linear_scale_does_not_matter_when_rows_are_normalised() -> None:
    train, valid, test = blobs(30, 0.5, 0), blobs(30, 0.5, 1), blobs(90, 0.5, 2)
    plain = Linear().fit(train=train, valid=valid, seed=0).predict(test.x)
    scaled = (
        Linear()
        .fit(train=Labelled(1024 * train.x, train.y), valid=Labelled(1024 * valid.x, valid.y), seed=0)
        .predict(1024 * test.x)
    )
    assert torch.equal(plain, scaled)


def test_knn_by_hand() -> None:
    angles = torch.tensor([0.0, 0.1, 1.5, 1.6, 1.7])
    train = Labelled(torch.stack([angles.cos(), angles.sin()], dim=1), torch.tensor([0, 0, 1, 1, 1]))
    query = torch.tensor([[2.0, 0.1], [0.0, 5.0]])
    assert Knn(grid=[1]).fit(train=train, valid=train, seed=0).predict(query).tolist() == [0, 1]
    everyone = Knn(grid=[50]).fit(train=train, valid=train, seed=0)  # more than there are: all of them
    assert everyone.k == 5
    # query 0: class 0 has 2 votes of weight about 2, class 1 has 3 of about 1
    assert everyone.predict(query).tolist() == [0, 1]


def test_knn_chooses_k_on_validation() -> None:
    train = blobs(90, 0.7, 0)
    assert Knn(grid=[1, 30]).fit(train=train, valid=train, seed=0).k == 1  # each its own neighbour
    assert Knn(grid=[1, 30]).fit(train=train, valid=blobs(300, 0.7, 1), seed=0).k == 30


def test_majority() -> None:
    train = Labelled(torch.zeros(5, 1), torch.tensor([2, 0, 2, 0, 1]))
    assert Majority().fit(train=train, valid=train, seed=0).predict(torch.zeros(3, 1)).tolist() == [0, 0, 0]
