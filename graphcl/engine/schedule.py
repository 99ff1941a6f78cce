"""The learning rate of a step, derived from its number: a resumed run needs no scheduler state."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def learning_rate(train: Mapping[str, Any], base: float, *, epoch: int, step: int, steps_per_epoch: int = 1) -> float:
    """``base`` times its decay, its cosine and its warm-up.

    - ``lr_decay``: ``lr_decay^epoch``.
    - ``lr_schedule: cosine``: ``(1 + cos(pi k / K)) / 2``, k of the K steps after the warm-up (Loshchilov and
      Hutter, ICLR 2017, eq. 5, without restarts), until step ``epochs * steps_per_epoch``.
    - ``warmup_epochs``: ``(step + 1) / W`` in the W steps of the warm-up.

    Args:
        train: The ``train`` block.
        base: The rate that is scheduled.
        epoch: From 0.
        step: Of the run, from 0.
        steps_per_epoch: Steps of an epoch.
    """
    warmup = train["warmup_epochs"] * steps_per_epoch
    rate = base * train["lr_decay"] ** epoch
    if train["lr_schedule"] == "cosine":
        rest = max(train["epochs"] * steps_per_epoch - warmup, 1)
        rate *= (1.0 + math.cos(math.pi * min(max(step - warmup, 0) / rest, 1.0))) / 2.0
    rate = max(rate, train["lr_min"])
    return rate * min((step + 1) / warmup, 1.0) if warmup else rate
