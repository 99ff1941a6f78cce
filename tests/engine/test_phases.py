from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from graphcl.core.errors import NonFiniteError, UserError
from graphcl.engine.observe import Observer
from graphcl.engine.phases import turn_of, untaken
from graphcl.engine.training import Training

from .toy import CPU, RECIPE, same, toy_recipe, toy_task, toy_training, weights

TWO = RECIPE.replace(
    'terms: [{toy_pull: {x: "a.nodes[batch]", y: "b.nodes[batch]"}}]',
    'terms: [{toy_pull: {x: "a.nodes[batch]"}}, {toy_pull: {x: "a.nodes[batch]"}}]',
)


class Record(Observer):
    """Which terms each step gave, and the values."""

    def __init__(self) -> None:
        self.steps: list[Mapping[str, float]] = []

    def stepped(self, *, terms: Mapping[str, float], **_: Any) -> None:
        self.steps.append(dict(terms))

    @property
    def labels(self) -> list[str]:
        """Which of the two terms, A and B, each step had."""
        return ["".join("AB"[label == "toy_pull#2"] for label in step) for step in self.steps]


def run(folder: Path, phases: str, *overrides: str) -> tuple[Record, Training]:
    record = Record()
    training = toy_training(toy_recipe(folder, TWO + phases, *overrides), observer=record, validate=False)
    training.train()
    return record, training


def phases(first: str = "", second: str = "") -> str:
    """Two phases, of the first and of the second term."""
    return f"phases: {{p: {{terms: [toy_pull]{first}}}, q: {{terms: ['toy_pull#2']{second}}}}}"


def test_without_phases_every_term_moves_everything_each_step(tmp_path: Path) -> None:
    record, training = run(tmp_path, "")
    assert record.labels == ["AB"] * 9
    assert training.progress.updates == training.progress.step == 9


def test_phases_follow_each_other_within_a_step(tmp_path: Path) -> None:
    record, training = run(tmp_path, phases())
    assert record.labels == ["AB"] * 9
    assert training.progress.updates == 18


def test_phases_alternate_by_epochs(tmp_path: Path) -> None:
    record, training = run(tmp_path, phases(", period: epoch, epochs: 2", ", period: epoch"), "train.epochs=6")
    assert record.labels == ["A"] * 6 + ["B"] * 3 + ["A"] * 6 + ["B"] * 3
    assert [turn_of(training.phases, epoch) for epoch in range(6)] == ["p", "p", "q", "p", "p", "q"]


def test_a_phase_of_every_step_runs_beside_alternating_ones(tmp_path: Path) -> None:
    record, training = run(tmp_path, phases("", ", period: epoch"))
    assert record.labels == ["AB"] * 9
    assert turn_of(training.phases[:1], 0) == ""


def test_start_stop_and_every(tmp_path: Path) -> None:
    record, _ = run(tmp_path, phases(", stop: 2", ", start: 1, every: 2"))
    assert record.labels == ["A", "A", "A", "A", "AB", "A", "B", "", "B"]


def test_a_step_in_which_no_phase_is_active_moves_nothing(tmp_path: Path) -> None:
    record, training = run(tmp_path, phases(", start: 3", ", start: 3"))
    assert record.labels == [""] * 9
    assert same(weights(training), weights(toy_training(training.recipe)))


def test_a_phase_moves_only_its_own_parameters(tmp_path: Path) -> None:
    text = TWO + "heads: {proj: toy_head}\n" + "phases: {p: {terms: ['toy_pull#2'], params: [proj]}}"
    recipe = toy_recipe(
        tmp_path,
        text.replace(
            '[{toy_pull: {x: "a.nodes[batch]"}}, {toy_pull: {x: "a.nodes[batch]"}}]',
            '[{toy_pull: {x: "a.nodes"}}, {toy_pull: {x: "a.proj[batch]"}}]',
        ),
    )
    training = toy_training(recipe, observer=Record())
    before = weights(training)
    training.train()
    after = weights(training)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"heads.proj.weight"}


def test_phases_draw_views_of_their_own_or_share_them(tmp_path: Path) -> None:
    still = ("train.lr=1e-30",)
    own, _ = run(tmp_path, phases(), *still)
    assert all(step["toy_pull"] != step["toy_pull#2"] for step in own.steps)
    shared, _ = run(tmp_path, phases("", ", redraw: none"), *still)
    assert all(step["toy_pull"] == step["toy_pull#2"] for step in shared.steps)
    assert len({step["toy_pull"] for step in shared.steps}) == 9  # but every step draws anew


def test_a_phase_has_its_own_rule_and_rate(tmp_path: Path) -> None:
    _, training = run(tmp_path, phases(", optimizer: sgd, lr: 0.5", ""), "train.epochs=1")
    first, second = (phase.optimizer for phase in training.phases)
    assert isinstance(first, torch.optim.SGD)
    assert isinstance(second, torch.optim.Adam)
    assert (first.param_groups[0]["lr"], second.param_groups[0]["lr"]) == (0.5, 0.05)


def test_one_sgd_step_is_the_gradient_of_the_weighted_sum(tmp_path: Path) -> None:
    """Against the gradient written out: sum over the terms of weight times mean of the anchors' values."""
    text = TWO.replace('{toy_pull: {x: "a.nodes[batch]"}}]', '{toy_pull: {x: "a.nodes[batch]", weight: 3.0}}]')
    recipe = toy_recipe(
        tmp_path,
        text.replace("a.nodes", "clean.nodes"),
        "train.optimizer=sgd",
        "train.lr=0.1",
        "train.batch_size=0",
        "train.epochs=1",
    )
    training = toy_training(recipe)
    tower = training.model.towers["main"]
    weight = tower.weight.detach().clone().requires_grad_()
    x = training.views.clean().operator("gcn").propagate(training.task.data.x @ weight).tanh()
    (4 * (x - 1).square().sum(1).mean()).backward()
    training.train()
    torch.testing.assert_close(tower.weight.detach(), weight.detach() - 0.1 * weight.grad)


def test_the_learning_rate_follows_from_the_epoch(tmp_path: Path) -> None:
    recipe = toy_recipe(tmp_path, RECIPE, "train.lr_decay=0.5", "train.lr_min=0.02", "train.lr=0.05")
    training = toy_training(recipe)
    rates = []
    training.observer.stepped = lambda **_: rates.append(training.phases[0].optimizer.param_groups[0]["lr"])
    training.train()
    assert rates == [0.05] * 3 + [0.025] * 3 + [0.02] * 3


def test_a_phase_without_parameters_is_refused(tmp_path: Path) -> None:
    recipe = toy_recipe(tmp_path, TWO + "phases: {p: {params: [toy_pull]}}")
    with pytest.raises(UserError, match=r"phases\.p: nothing to train: toy_pull has no parameters"):
        toy_training(recipe)


def test_a_term_that_becomes_nan_is_named(tmp_path: Path) -> None:
    recipe = toy_recipe(tmp_path, RECIPE.replace("}}]\n", "}}, {toy_nan: {x: 'a.nodes[batch]', at: 4}}]\n"))
    training = Training(recipe, toy_task(recipe), observer=Observer(), run=None, device=CPU)
    with pytest.raises(NonFiniteError, match=r"term 'toy_nan' became nan at epoch 2, step 5 \(phase 'main'\)"):
        training.train()
    assert all(bool(torch.isfinite(tensor).all()) for tensor in training.model.state_dict().values())


def test_an_encoder_that_a_phase_does_not_train_is_run_without_a_graph(tmp_path: Path) -> None:
    text = TWO + "heads: {proj: toy_head}\nphases: {p: {terms: ['toy_pull#2'], params: [proj]}}"
    recipe = toy_recipe(
        tmp_path, text.replace('{toy_pull: {x: "a.nodes[batch]"}}]', '{toy_pull: {x: "a.proj[batch]"}}]')
    )
    training = toy_training(recipe, observer=Record())
    (phase,) = training.phases
    assert phase.moves == {"proj"}
    batch = next(iter(training.task.batches(4, generator=torch.Generator().manual_seed(0))))
    free, frozen = (training.stepper.flow(training.progress, batch, phase=one) for one in (None, phase))
    gradients = []
    for flow in (free, frozen):
        loss, _ = phase.loss(flow)
        gradients.append(torch.autograd.grad(loss, list(phase.parameters.values())))
    assert free.encoding("main", "a").nodes.requires_grad
    assert not frozen.encoding("main", "a").nodes.requires_grad
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_a_phase_goes_on_with_the_optimizer_of_an_earlier_one(tmp_path: Path) -> None:
    _, own = run(tmp_path, phases())
    _, shared = run(tmp_path, phases("", ", optimizer_of: p"))
    assert shared.phases[1].optimizer is shared.phases[0].optimizer
    (state, *_) = shared.phases[0].optimizer.state.values()
    assert int(state["step"]) == 2 * shared.progress.step
    assert not same(weights(own), weights(shared))
    with pytest.raises(UserError, match=r"phases.p.optimizer_of: 'q' is no earlier phase; earlier: none"):
        run(tmp_path, phases(", optimizer_of: q"))


def test_a_phase_that_starts_after_the_last_epoch_is_said(tmp_path: Path) -> None:
    for epochs, told in ((2, 1), (3, 0)):
        notes: list[str] = []
        recipe = toy_recipe(tmp_path, TWO + phases(", start: 2"), f"train.epochs={epochs}")
        training = toy_training(recipe, validate=False)
        training.observer.note = notes.append  # type: ignore[method-assign]
        training.train()
        assert len(notes) == told
        assert all("phases.p: starts after 2 epochs of 2, so it never trains; raise" in note for note in notes)


def test_a_term_that_no_phase_takes_is_said(tmp_path: Path) -> None:
    _, whole = run(tmp_path, phases())
    assert untaken(whole.phases, whole.model.terms) == []
    notes: list[str] = []
    training = toy_training(toy_recipe(tmp_path, TWO + phases(), "~phases=p"))
    training.observer.note = notes.append  # type: ignore[method-assign]
    training.train()
    assert notes == ["in no phase, so nothing is trained by it: toy_pull"]
