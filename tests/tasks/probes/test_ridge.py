"""Ridge classification as a probe."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge as SklearnRidge

from graphcl.tasks.probes.base import Labelled
from graphcl.tasks.probes.ridge import Ridge, RidgePaths


def rows(count: int, dim: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, dim))


def labelled(x: np.ndarray, y: np.ndarray) -> Labelled:
    return Labelled(torch.from_numpy(x).float(), torch.from_numpy(y))


NONE = labelled(np.zeros((0, 5)), np.zeros(0, dtype=np.int64))


@pytest.mark.parametrize("dim", [4, 40])
def test_solutions_and_left_out_rows_are_those_of_a_fit_to_all_others(dim: int) -> None:
    x, targets = rows(12, dim), 2.0 * (np.arange(12)[:, None] % 3 == np.arange(3)) - 1
    paths = RidgePaths.of(x - x.mean(axis=0), targets)
    model = SklearnRidge(alpha=0.3 * paths.unit, solver="cholesky")
    np.testing.assert_allclose(paths.weights(0.3), model.fit(x, targets).coef_.T, atol=1e-8)
    alone = []
    for number in range(12):
        others = np.delete(np.arange(12), number)
        alone.append(model.fit(x[others], targets[others]).predict(x[[number]])[0])
    np.testing.assert_allclose(paths.left_out(0.3), alone, atol=1e-8)


def test_strength_is_chosen_by_what_is_left_out() -> None:
    """A fifth of the labels is wrong, and columns of noise are as many as rows: unshrunk, they are fitted."""
    x, truth = rows(30, 30), np.arange(30) % 2
    x[:, 0] = 4 * truth
    found = Ridge([1e-6, 1.0], standardize=False).fit(
        train=labelled(x, np.where(np.arange(30) % 5 == 0, 1 - truth, truth)), valid=NONE, seed=0
    )
    assert found.strength == 1.0
    new, truth = rows(200, 30, seed=1), np.arange(200) % 2
    new[:, 0] = 4 * truth
    guess = found.predict(torch.from_numpy(new)).numpy()
    assert (guess == truth).mean() > 0.8
    assert ((found.margins(torch.from_numpy(new)).numpy() > 0) == guess).all()


def test_validation_chooses_where_there_is_such_a_part() -> None:
    """The classes of validation rows are turned around: all strengths are equally wrong, and the first is taken."""
    x, y = rows(20, 3), np.arange(20) % 2
    x[:, 0] += 4 * y
    found = Ridge([0.1, 10.0]).fit(train=labelled(x, y), valid=labelled(x, 1 - y), seed=0)
    assert found.strength == 0.1


def test_classes_keep_their_numbers_and_one_class_is_no_task() -> None:
    x = np.repeat(np.eye(3), 4, axis=0) + 0.01 * rows(12, 3)
    y = np.repeat([7, 2, 5], 4)
    assert Ridge().fit(train=labelled(x, y), valid=NONE, seed=0).predict(torch.from_numpy(x)).tolist() == y.tolist()
    with pytest.raises(ValueError, match="two classes"):
        Ridge().fit(train=labelled(x, np.zeros(12, dtype=np.int64)), valid=NONE, seed=0)
