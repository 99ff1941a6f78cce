"""How often a view of a recipe loses an edge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from graphcl.core.build import build
from graphcl.core.config.tree import part_name
from graphcl.core.errors import UserError
from graphcl.core.registry import resolve


def drop_rate(name: str, view: Mapping[str, Any]) -> float:
    """The probability with which a view loses any edge at most, its augmenters one after the other.

    Args:
        name: Of the view, for messages.
        view: Its part of the recipe.

    Raises:
        UserError: an augmenter whose rate is not known, or that draws each direction of an edge by itself.
    """
    kept = 1.0
    for label, options in view["augment"].items():
        part = resolve("augmenter", part_name(label))
        if part.meta.get("edges") == "same" or part.meta.get("level") == "operator":
            continue
        module = build("augmenter", part.name, options, generator=torch.Generator().manual_seed(0))
        rate = getattr(module, "largest_rate", None)
        if rate is None:
            raise UserError(
                f"pot: how often {label} of view '{name}' drops an edge is not known; set budget.rate, or a budget.by "
                "that needs none (any, fraction, count)"
            )
        if not getattr(module, "symmetric", True):
            raise UserError(
                f"pot: {label} of view '{name}' drops the two directions of an edge apart, which no bound covers; set "
                "its symmetric=true, or a budget.by that speaks of other deletions (any, fraction, count)"
            )
        kept *= 1.0 - float(rate)
    return 1.0 - kept
