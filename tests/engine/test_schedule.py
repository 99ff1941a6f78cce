from __future__ import annotations

import math
from typing import Any

import pytest

from graphcl.engine.schedule import learning_rate

TRAIN = {"epochs": 10, "lr_decay": 1.0, "lr_min": 0.0, "lr_schedule": "constant", "warmup_epochs": 0}


def rate(step: int, *, per_epoch: int = 1, **options: Any) -> float:
    return learning_rate({**TRAIN, **options}, 0.5, epoch=step // per_epoch, step=step, steps_per_epoch=per_epoch)


def test_without_options_it_stays() -> None:
    assert {rate(step) for step in range(20)} == {0.5}


def test_decay_goes_by_epochs_and_has_a_floor() -> None:
    rates = [rate(step, per_epoch=2, lr_decay=0.5, lr_min=0.1) for step in range(8)]
    assert rates == [0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.1, 0.1]


def test_the_warm_up_is_linear_over_its_steps() -> None:
    rates = [rate(step, per_epoch=2, warmup_epochs=2) for step in range(6)]
    assert rates == pytest.approx([0.125, 0.25, 0.375, 0.5, 0.5, 0.5])


def test_the_cosine_falls_from_the_warm_up_to_the_last_epoch() -> None:
    options = {"per_epoch": 3, "warmup_epochs": 2, "lr_schedule": "cosine"}
    assert rate(5, **options) == rate(6, **options) == 0.5  # 6 of 30 steps are the warm-up
    assert rate(18, **options) == pytest.approx(0.25)
    assert rate(12, **options) == pytest.approx(0.25 * (1 + math.cos(math.pi / 4)))
    assert rate(30, **options) == rate(99, **options) == pytest.approx(0.0)


def test_a_warm_up_longer_than_the_run_only_rises() -> None:
    rates = [rate(step, warmup_epochs=40, lr_schedule="cosine") for step in range(10)]
    assert rates == pytest.approx([0.5 * (step + 1) / 40 for step in range(10)])
