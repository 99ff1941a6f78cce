"""The recipe that contrasts first: it learns what it says, each choice is a key, and known causes are found."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import graphcl
from graphcl.core.errors import UserError
from graphcl.data.series.known import generate_var, off_diagonal_auroc
from graphcl.rca.neural import causal_scores, gap_rule, strengths

SHORT = ("phases.contrast.stop=3", "phases.forecast.start=3", "train.eval_every=500")


def weights(overrides: tuple[str, ...], epochs: int) -> dict[str, torch.Tensor]:
    recipe = graphcl.load("run_rca", *SHORT, f"train.epochs={epochs}", *overrides, "data.rows=200", "data.columns=4")
    return {name: value.clone() for name, value in graphcl.fit(recipe).model.trainable().items()}


def moved(overrides: tuple[str, ...], epochs: tuple[int, int]) -> set[str]:
    """Owners whose parameters differ between two lengths of training."""
    before, after = (weights(("train.lr_schedule=constant", *overrides), n) for n in epochs)
    return {name.split(".")[1] for name in before if not torch.equal(before[name], after[name])}


def test_first_the_encoder_is_contrasted_then_all_is_trained_to_forecast() -> None:
    assert moved((), (1, 3)) == {"main", "proj"}
    assert moved((), (3, 4)) == {"main", "forecast"}
    assert moved(("phases.forecast.params=[forecast]",), (3, 4)) == {"forecast"}
    assert moved(("~phases=contrast",), (1, 3)) == set()


def test_known_causes_are_found_with_and_without_contrast() -> None:
    known = generate_var(6, 500, sparsity=0.34, seed=201)
    for overrides in (("eval.score=norm",), ("~phases=contrast", "eval.score=permutation")):
        scores = causal_scores(known.values, overrides=("train.epochs=120", "train.eval_every=120", *overrides))
        assert scores.shape == (6, 6)
        assert not scores.diagonal().any()
        assert scores.min() >= 0
        assert off_diagonal_auroc(scores, known.truth) > 0.9, overrides


def test_normal_rows_and_a_break_are_settings() -> None:
    values = generate_var(4, 120, seed=0).values
    values[100:] += 1e6
    scores = causal_scores(values, overrides=(*SHORT, "train.epochs=5"), **{"data.normal": 100, "data.breaks": [100]})
    assert np.isfinite(scores).all()


@pytest.mark.parametrize(
    ("attention", "kept"),
    [
        ([1.4, 0.9, 1.5, 1.1, 0.8, 0.7, 0.6], [2, 0]),  # gaps after the second .3 and the third .2
        ([1.9, 0.9, 0.8, 0.7, 0.6, 0.5], [0]),  # only the first is at least 1, and its gap does not count
        ([0.9, 0.8, 0.95, 0.7, 0.6, 0.5], [2]),  # none is: the first all the same
        ([1.1, 0.9, 1.01, 1.0], [0, 2]),  # of up to five all above 1
        ([0.5, 0.9], []),
    ],
)
def test_the_gap_rule_by_hand(attention: list[float], kept: list[int]) -> None:
    assert gap_rule(np.array(attention)) == kept


def test_the_reference_scores_by_its_attention() -> None:
    values = generate_var(6, 220, seed=0).values
    settings = ("train.epochs=4", "phases.contrast.stop=2", "phases.forecast.start=2", "train.eval_every=9")
    scores = causal_scores(values, recipe="run_reference", overrides=settings)
    apart = scores[~np.eye(6, dtype=bool)]
    assert np.abs(apart - 1).max() < 0.1  # begins at 1, and moved
    assert apart.std() > 0


def test_a_recipe_without_gates_has_no_causes_to_read() -> None:
    recipe = graphcl.load(
        "neural_granger", "train.epochs=1", "heads.more.name=gated_forecast", "data.rows=100", "train.eval_every=9"
    )
    with pytest.raises(UserError, match="2 heads are a gated_forecast"):
        strengths(graphcl.fit(recipe))
