"""A recipe that is asked for a return: what it answers, and what its contrast does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import graphcl
from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.data.returns import Returns
from graphcl.engine.embed import embed
from graphcl.engine.observe import Observer
from graphcl.engine.training import Training
from graphcl.engine.views import Views
from graphcl.tasks.sequence import Sequence
from tests.tasks.small_histories import histories

SMALL = (
    "encoder.dim=16", "encoder.num_layers=1", "encoder.dropout=0.1", "encoder.attention_dropout=0", "train.lr=1e-2",
    "train.batch_size=32", "train.threads=1", "train.device=cpu", "eval.baselines=[]", "encoder.buckets=20",
    "views.asked.augment.ask_returns.discount=0.1",
)  # fmt: skip


def two_rewards() -> Sequence:
    """Each event is liked or not by a coin; liked ones are of items 0 to 3, the others of items 4 to 7."""
    random = np.random.default_rng(0)
    liked = random.integers(2, size=(96, 9))
    rows = [[(user + t) % 4 + (0 if liked[user, t] else 4) for t in range(9)] for user in range(96)]
    rating = (1.0 + 4 * liked).tolist()
    data = histories(rows, items=8, rating=rating, returns=Returns(discount=0.1))
    return Sequence(mask_history=False, k=(1,), baselines=(), data=data)


def training(task: Sequence, *overrides: str) -> Training:
    recipe = graphcl.load("dt4ier", *SMALL, *overrides)
    return Training(recipe, task, observer=Observer(), run=None, device=torch.device("cpu"), validate=False)


def answers(found: Training, immediate: float) -> list[str]:
    """Names of the item that comes first for each history of the test, this much feedback being asked for."""
    recipe = found.recipe.override(f"views.asked.augment.ask_returns.immediate={immediate}")
    views = Views(recipe, found.task, seed=0, device=torch.device("cpu"))
    embedded = embed(found.model, views, found.task, "test")
    task: Any = found.task
    return [str(task.data.items.values[best]) for best in (embedded["chain"] @ embedded["item"].T).argmax(1).tolist()]


def test_a_high_return_asks_for_other_items_than_a_low_one() -> None:
    found = training(two_rewards(), "train.epochs=12")
    found.train()
    good, bad = {f"i{n}" for n in range(4)}, {f"i{n}" for n in range(4, 8)}
    assert np.mean([name in good for name in answers(found, 1.1)]) > 0.95
    assert np.mean([name in bad for name in answers(found, 0.0)]) > 0.95


def test_the_contrast_moves_what_embeds_a_return() -> None:
    """Its gradient is part of the step's: without it the step is another one."""
    found = training(two_rewards(), "encoder.dropout=0")
    (phase,) = found.phases
    batch = next(iter(found.task.batches(32, generator=generator(0))))

    def gradients(weight: float) -> dict[str, torch.Tensor]:
        found.model.term("info_nce#2").weight = weight
        loss, _ = phase.loss(found.stepper.flow(found.progress, batch, phase=phase))
        found_by = torch.autograd.grad(loss, list(phase.parameters.values()), allow_unused=True)
        return dict(zip(phase.parameters, found_by, strict=True))

    without, some, twice = (gradients(weight) for weight in (0.0, 0.1, 0.2))
    for name in ("score", "anchor_shift", "balance", "tables.item"):
        key = f"towers.main.{name}"
        assert (some[key] - without[key]).abs().max() > 1e-7, name
        torch.testing.assert_close(twice[key] - without[key], 2 * (some[key] - without[key]), rtol=1e-3, atol=1e-6)


def test_its_value_is_that_of_the_formula() -> None:
    """-log e^(cos(a, p) / T) / (e^(cos(a, p) / T) + 1.5 e^(cos(a, far) / T) + .5 e^(cos(a, near) / T))."""
    found = training(two_rewards(), "encoder.dropout=0")
    flow = found.stepper.flow(found.progress, next(iter(found.task.batches(32, generator=generator(0)))))
    (group,) = found.model.term("info_nce#2")(flow)
    true, told, far, near = (flow.rows(text).values for text in (
        "table.item[next]", "main.nodes[predict]", "far.nodes[predict]", "near.nodes[predict]"))  # fmt: skip
    p, f, n = ((torch.cosine_similarity(true, x, dim=1) / 0.07).exp() for x in (told, far, near))
    torch.testing.assert_close(group.values, -(p / (p + 1.5 * f + 0.5 * n)).log(), rtol=1e-4, atol=1e-5)
    assert not torch.equal(far, told)


def test_a_tower_of_returns_needs_some() -> None:
    task = Sequence(baselines=(), data=histories([[(n + user) % 7 for n in range(6)] for user in range(4)]))
    with pytest.raises(UserError, match="the histories have no returns"):
        training(task).train()
