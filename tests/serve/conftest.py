"""A run of six users and five items whose embeddings are written by hand, so that every list can be worked out."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from graphcl.data.interactions import HeldOut, Ids, Interactions, Pairs
from graphcl.serve.recommender import Recommender
from graphcl.tasks.recommend import Recommend

USERS = ["ann", "bob", "cid", "dee", "eve", "fay"]
ITEMS = ["i0", "i1", "i2", "i3", "i4"]


def pairs(*rows: tuple[int, int]) -> Pairs:
    users, items = np.array(rows, dtype=np.int64).reshape(-1, 2).T
    return Pairs(users.copy(), items.copy())


@pytest.fixture(scope="module")
def recommender() -> Recommender:
    """Scores of user u are its row of ``scores`` (items are unit vectors). ``fay`` has nothing in train."""
    train = pairs((0, 0), (1, 0), (2, 0), (3, 1), (4, 1), (0, 2))
    held_out = HeldOut(valid=pairs((0, 1)), test=pairs((0, 3), (5, 4)))
    names = np.array(["zero", "one", "two", "", "four"], dtype=object)
    data = Interactions(Ids.of(USERS), Ids.of(ITEMS), train, held_out, item_names=names)
    scores = torch.tensor(
        [
            [0.9, 0.8, 0.7, 0.6, 0.5],
            [0.1, 0.2, 0.3, 0.4, 0.5],
            [0.5, 0.1, 0.4, 0.2, 0.3],
            [0.5, 0.9, 0.4, 0.2, 0.3],
            [0.0, 0.9, 0.4, 0.2, 0.3],
            [0.3, 0.1, 0.4, 0.2, 0.5],
        ]
    )
    run = SimpleNamespace(
        task=Recommend(k=(2,), baselines=(), data=data),
        seed=0,
        data=data,
        embeddings={"user": scores, "item": torch.eye(5)},
        folder=SimpleNamespace(path="toy"),
        recipe={"task": "recommend"},
    )
    return Recommender(run)  # type: ignore[arg-type]
