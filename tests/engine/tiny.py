"""A handful of users and items, on which whole recipes of recommenders can be followed."""

from __future__ import annotations

import numpy as np

import graphcl
from graphcl.core.config.recipe import Recipe
from graphcl.data.interactions import HeldOut, Ids, Interactions, Pairs
from graphcl.data.report import DataReport

USERS, ITEMS = 12, 15
SMALL = (
    "data=generated", "train.threads=1", "train.epochs=3", "train.batch_size=16", "train.patience=0", "eval.k=[3,5]",
    "eval.baselines=[popularity]", "train.monitor=ndcg@5", "train.lr=0.01",
)


def tiny_recipe(name: str, *overrides: str) -> Recipe:
    """A shipped recipe at the size of the toys."""
    return graphcl.load(name, "encoder.dim=8", *SMALL, *overrides)


def interactions(*, train: int = 0, held_out: int = 0, valid: str = "carve") -> Interactions:
    """Train pairs that depend on the seed ``train`` alone; validation and test on both seeds."""
    draw = np.random.default_rng(train)
    order = draw.permutation(USERS * ITEMS)
    kept, rest = np.sort(order[:60]), order[60:]
    rest = np.random.default_rng(1000 + held_out).permutation(rest)

    def pairs(numbers: np.ndarray) -> Pairs:
        return Pairs((numbers // ITEMS).astype(np.int64), (numbers % ITEMS).astype(np.int64))

    report = DataReport(source="tiny")
    report.split, report.split_hash = {"by": "given", "valid": valid}, f"{train}/{held_out}"
    ids = Ids.of([f"u{i}" for i in range(USERS)]), Ids.of([f"i{i}" for i in range(ITEMS)])
    return Interactions(*ids, pairs(kept), HeldOut(pairs(rest[:20]), pairs(rest[20:40])), report=report)
