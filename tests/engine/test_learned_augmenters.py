"""Augmenters that are trained: one for equal settings, with a gradient from every phase that moves them, kept."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from graphcl.core.errors import ConfigError, UserError
from graphcl.core.registry import register
from graphcl.encode.base import Graph
from graphcl.engine.embed import embed
from graphcl.engine.training import Training
from graphcl.engine.views import Views

from .toy import CPU, RECIPE, toy_recipe, toy_task, toy_training


@register("augmenter", "toy_scale", level="graph", stochastic=False, edges="same", learned=True)
class ToyScale(nn.Module):
    """Features times a learned number for each column."""

    def __init__(self, start: float = 1.0, *, graph: Graph) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.full((graph.x.shape[1],), start))

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        graph = graph.clone()
        graph.x = graph.x * self.factor
        return graph


SCALED = RECIPE.replace(
    "views: {a: [toy_noise], b: [toy_noise], clean: []}",
    "views: {a: [toy_scale, toy_noise], b: [toy_scale], other: [{toy_scale: {start: 2.0}}], clean: []}",
)


def made(tmp_path: Path, text: str = SCALED, *overrides: str) -> Training:
    return toy_training(toy_recipe(tmp_path, text, *overrides))


def test_equal_augmenters_of_several_views_are_one(tmp_path: Path) -> None:
    training = made(tmp_path)
    assert list(training.model.augmenters) == ["toy_scale", "toy_scale#2"]
    assert {"augmenters.toy_scale.factor", "augmenters.toy_scale#2.factor"} <= training.model.trainable().keys()


def test_they_are_trained_and_their_state_is_in_the_checkpoint(tmp_path: Path) -> None:
    training = made(tmp_path)
    before = training.model.augmenters["toy_scale"].factor.detach().clone()
    training.train()
    assert bool((training.model.augmenters["toy_scale"].factor != before).all())
    assert torch.equal(training.model.augmenters["toy_scale#2"].factor, torch.full((3,), 2.0)), "no term reads it"
    assert "augmenters.toy_scale.factor" in training.model.state_dict()


def test_a_phase_that_moves_only_an_augmenter_sends_its_gradient_through_the_encoder(tmp_path: Path) -> None:
    training = made(tmp_path, SCALED + "phases: {p: {params: [toy_scale]}}")
    (phase,) = training.phases
    batch = next(iter(training.task.batches(4, generator=torch.Generator().manual_seed(0))))
    loss, _ = phase.loss(training.stepper.flow(training.progress, batch, phase=phase))
    factor = training.model.augmenters["toy_scale"].factor
    (found,) = torch.autograd.grad(loss, [factor])

    def at(moved: Tensor) -> float:
        with torch.no_grad():
            factor.copy_(moved)
        return phase.loss(training.stepper.flow(training.progress, batch, phase=phase))[0].item()

    start, slopes = factor.detach().clone(), []
    for column in range(3):
        step = torch.zeros(3).index_fill_(0, torch.tensor([column]), 1e-2)
        slopes.append((at(start + step) - at(start - step)) / 2e-2)
    torch.testing.assert_close(found, torch.tensor(slopes), rtol=1e-2, atol=1e-3)


def test_what_is_embedded_has_been_through_it(tmp_path: Path) -> None:
    training = made(tmp_path, SCALED, "embed.view=other")
    tower = training.model.towers["main"]
    scaled = embed(training.model, training.views, training.task, "test")[""]
    x = 2.0 * training.task.data.x  # type: ignore[attr-defined]
    propagated = training.views.clean().operator("gcn").propagate(x @ tower.weight).tanh()
    torch.testing.assert_close(scaled, propagated)


def test_it_is_drawn_anew_at_every_step_or_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"views\.b: toy_scale is trained at every step"):
        made(tmp_path, SCALED, "views.b.redraw=once")


def test_without_a_model_there_is_nobody_to_apply_it(tmp_path: Path) -> None:
    recipe = toy_recipe(tmp_path, SCALED)
    views = Views(recipe, toy_task(recipe), seed=0, device=CPU)
    with pytest.raises(UserError, match="no model to apply it"):
        views.draw("b", epoch=0, step=0)


def test_a_phase_may_name_it_and_a_misspelt_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nearest: 'toy_scale'"):
        toy_recipe(tmp_path, SCALED + "phases: {p: {params: [toy_scal]}}")
