"""Small histories with a known answer, for the sequence task."""

from __future__ import annotations

import numpy as np

from graphcl.data.histories import Histories, build_histories
from graphcl.data.interactions import Ids
from graphcl.data.log import Log
from graphcl.data.report import DataReport
from graphcl.data.splits import Split


def histories(
    rows: list[list[int]], *, items: int | None = None, rating: list[list[float]] | None = None, **options: object
) -> Histories:
    """Users u0, u1, ... with these items i0, i1, ..., the last two held out; events an hour apart."""
    users = np.repeat(np.arange(len(rows)), [len(row) for row in rows]).astype(np.int32)
    every = np.array([item for row in rows for item in row], dtype=np.int32)
    ids = [Ids.of([f"{kind}{n}" for n in range(count)])
           for kind, count in (("u", len(rows)), ("i", items or 1 + int(every.max())))]  # fmt: skip
    rated = None if rating is None else np.array([value for row in rating for value in row], dtype=np.float32)
    log = Log(users, every, *ids, rating=rated, time=3600 * np.arange(len(every)))
    split = options.pop("split", Split("leave_one_out"))
    assert isinstance(split, Split)
    return build_histories(log, split, seed=0, report=DataReport("small"), **options)  # type: ignore[arg-type]


def random_rows(seed: int, users: int = 30, items: int = 12, longest: int = 9) -> list[list[int]]:
    """Histories of 1 to ``longest`` items, some of which repeat."""
    random = np.random.default_rng(seed)
    return [random.integers(items, size=1 + n % longest).tolist() for n in range(users)]
