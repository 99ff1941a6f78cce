"""The bars of clones against sets and rankings worked by hand."""

from __future__ import annotations

import torch

from benchmarks.code_clones import by_level, by_sets, token_sets


def test_tokens_without_comments() -> None:
    sets, known = token_sets(['a = 1; // b\n"x // y" /* c\n */ a', "b"])
    assert set(known) == {"a", "=", "1", ";", '"x // y"', "b"}
    assert sets.toarray().sum(1).tolist() == [5, 1]


def test_map_at_r_of_sets_by_hand() -> None:
    """Sets {a b}, {a b c}, {c d}: the first two are nearest to each other; renamed to x they are strangers."""
    codes = ["a b", "a b c", "c d"]
    assert by_sets([*codes, "c d e"], [*codes, "c d e"], torch.tensor([0, 0, 1, 1])) == 1.0
    assert by_sets([*codes, "c d e"], ["c d", "c d", "a b", "a b"], torch.tensor([0, 0, 1, 1])) == 0.0


def test_levels_of_plagiarism_by_hand() -> None:
    kinds = [("original", None), ("non-plagiarized", None), ("non-plagiarized", None), ("plagiarized", "L1"),
             ("plagiarized", "L4")]  # fmt: skip
    files = [{"case": 1, "kind": kind, "level": level} for kind, level in kinds]
    similarity = [[1.0, 0.2, 0.6, 0.9, 0.4]]
    assert by_level(files, similarity) == {"L1": 1.0, "L4": 0.5, "all": 0.75}
