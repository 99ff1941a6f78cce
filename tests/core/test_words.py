from __future__ import annotations

from graphcl.core.words import counted


def test_one_is_singular_and_thousands_have_commas() -> None:
    assert [counted(number, "user") for number in (0, 1, 2, 1000)] == ["0 users", "1 user", "2 users", "1,000 users"]
