"""Short runs of node-level recipes: what their terms are worth on the karate club, and what they learn on Cora."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import graphcl
from graphcl.engine.fitted import Fitted
from graphcl.engine.observe import Observer

SMALL = ("train.threads=1", "train.eval_every=1000", "eval.baselines=[]")


class Values(Observer):
    """The value of every term at every step."""

    def __init__(self) -> None:
        self.seen: list[dict[str, float]] = []

    def stepped(self, *, terms: dict[str, float], **_: Any) -> None:
        self.seen.append(dict(terms))


def losses(name: str, *overrides: str, epochs: int = 2) -> list[float]:
    """The sum of the terms at each step of a short run on the karate club."""
    values = Values()
    recipe = graphcl.load(name, "data=karate", *SMALL, f"train.epochs={epochs}", *overrides)
    graphcl.fit(recipe, observers=[values])
    return [sum(terms.values()) for terms in values.seen]


def on_cora(shared_data: Path, name: str, *overrides: str) -> Fitted:
    """A short run on Cora beside the probe on raw features."""
    settings = ("data=cora", "train.threads=1", "train.eval_every=1000", "eval.baselines=[raw_features]")
    return graphcl.fit(graphcl.load(name, *settings, *overrides), data_root=shared_data)


def gain_over_raw(shared_data: Path, name: str, *overrides: str) -> float:
    """Test accuracy on Cora minus that of the raw features."""
    metrics = on_cora(shared_data, name, *overrides).metrics
    return metrics["test/accuracy"] - metrics["baseline/raw_features/accuracy"]
