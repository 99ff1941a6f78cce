"""What is said of a name that nobody knows."""

from __future__ import annotations

import pytest

from graphcl.core.errors import nearest


@pytest.mark.parametrize(("name", "known", "close"), [
    ("embeding", ["embedding", "encoder"], "embedding"), ("zzz", ["embedding"], None), ("x", [], None),
    ("lightglc", ["lightgcn", "lightgcl"], "lightgcl"),  # the same letters, as close as the other
])  # fmt: skip
def test_nearest(name: str, known: list[str], close: str | None) -> None:
    assert nearest(name, known) == close
