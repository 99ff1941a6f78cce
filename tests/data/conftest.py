"""A log of one's own in one line: write a file, load it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphcl.core.build import build
from graphcl.data.interactions import Interactions

Load = Callable[..., Interactions]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """``load(text or bytes, name="log.csv", seed=0, **options)``: what the data part makes of such a file."""

    def run(content: str | bytes, name: str = "log.csv", seed: int = 0, **options: Any) -> Interactions:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return build("data", "interactions", {"path": str(path), **options}).load(seed=seed)

    return run


def every_pair(data: Interactions) -> set[tuple[str, str]]:
    """(user id, item id) of all three parts."""
    parts = (data.train, data.held_out.valid, data.held_out.test)
    return {pair for pairs in parts for pair in id_pairs(data, pairs)}


def id_pairs(data: Interactions, pairs: Any) -> list[tuple[str, str]]:
    """Pairs of ids, in order."""
    return list(zip(data.users.values[pairs.users], data.items.values[pairs.items], strict=True))


def grid(users: int = 6, items: int = 10, header: str = "user_id,item_id") -> str:
    """A csv in which every user has every item."""
    return "\n".join([header, *(f"u{u},i{i}" for u in range(users) for i in range(items))]) + "\n"
