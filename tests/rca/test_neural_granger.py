"""Known answers: the estimator finds who causes whom."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import graphcl
from graphcl.core.errors import UserError
from graphcl.data.series.known import KnownSeries, generate_var, off_diagonal_auroc
from graphcl.rca.neural import causal_scores


@pytest.fixture(scope="module")
def known() -> KnownSeries:
    return generate_var(5, 400, sparsity=0.4, seed=200)


@pytest.fixture(scope="module")
def model(known: KnownSeries) -> graphcl.NeuralGranger:
    frame = pd.DataFrame(known.values, columns=list("abcde"))
    return graphcl.NeuralGranger(lags=3, sparsity=(0.2, 0.4)).fit(frame)


def test_it_finds_the_causes_of_a_linear_system(model: graphcl.NeuralGranger, known: KnownSeries) -> None:
    assert off_diagonal_auroc(model.scores_, known.truth) > 0.95
    assert off_diagonal_auroc(model.scores_.T, known.truth) < 0.8  # row effect, column cause
    assert model.lags_ == 3
    assert 0 < model.error_ < 1


def test_edges_are_named_and_never_of_a_series_to_itself(model: graphcl.NeuralGranger, known: KnownSeries) -> None:
    assert not model.scores_.diagonal().any()
    edges = [("abcde".index(cause), "abcde".index(effect)) for cause, effect, _ in model.edges_]
    assert edges
    assert all(cause != effect and known.truth[effect, cause] for cause, effect in edges)
    weights = [weight for *_, weight in model.edges_]
    assert weights == sorted(weights, reverse=True)


def test_the_units_of_a_column_do_not_matter(known: KnownSeries) -> None:
    settings = ("train.epochs=20", "train.eval_every=20")
    first = causal_scores(known.values, recipe="neural_granger", overrides=settings)
    scaled = causal_scores(known.values * [1e9, 1, 1, 1e-6, 1] + 3, recipe="neural_granger", overrides=settings)
    np.testing.assert_allclose(scaled, first, rtol=1e-2, atol=1e-4)
    assert np.array_equal(first, causal_scores(known.values, recipe="neural_granger", overrides=settings))


def test_what_it_cannot_use_is_refused() -> None:
    with pytest.raises(UserError, match="lags: give at least one"):
        graphcl.NeuralGranger(lags=[])
    with pytest.raises(UserError, match="neither norm nor permutation"):
        graphcl.NeuralGranger(score="weight")
    with pytest.raises(UserError, match="row 3 is nan"):
        graphcl.NeuralGranger().fit(np.array([[1.0], [2.0], [3.0], [np.nan]]))
