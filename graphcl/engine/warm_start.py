"""Retraining from an earlier run, with new users, items or nodes."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from graphcl.core.errors import UserError
from graphcl.core.registry import resolve
from graphcl.engine import checkpoint
from graphcl.engine.run import RunFolder
from graphcl.tasks.base import Task


def align_data(data: Any, init_from: str) -> Any:
    """Data whose ids begin with those of the earlier run, in its order, so that rows of parameters match by id."""
    if not init_from or not hasattr(data, "align"):
        return data
    run = RunFolder.open(init_from)
    part = resolve("data", run.recipe().data_part)
    before = part.cls.read(run.data)  # type: ignore[attr-defined]
    return data.align(before.users, before.items)


@torch.no_grad()
def warm_start(model: nn.Module, task: Task, init_from: str) -> str:
    """Copy the parameters of an earlier run; tables that have grown keep their new rows as initialised.

    Returns:
        What was copied, for the log.

    Raises:
        UserError: nothing fits (another encoder or width).
    """
    run = RunFolder.open(init_from)
    stored, _ = checkpoint.read(run.best)
    copied, grown = 0, 0
    for name, parameter in model.named_parameters():
        before = stored.get(f"model/{name}")
        if before is None or before.dim() != parameter.dim() or before.shape[1:] != parameter.shape[1:]:
            continue
        if before.dim() == 0:
            parameter.copy_(before)
            copied += 1
            continue
        if len(before) > len(parameter):
            continue
        parameter[: len(before)] = before
        copied += 1
        grown += len(parameter) - len(before)
    if not copied:
        raise UserError(f"train.init_from: no parameter of {init_from} fits this recipe (another encoder or width?)")
    return f"initialised {copied} parameters from {init_from}; {grown} new rows keep their random start"
