"""Runs of tokens and what two programs share of them; and the sets of files that we disguise ourselves."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tree_sitter", reason="tree-sitter is not installed: pip install 'graphcl[code]'")

from benchmarks.disguised import COPIES, OTHERS, PROBLEMS, disguised_files, jaccard, token_grams


def test_runs_of_tokens_know_no_names_and_no_texts() -> None:
    first, second = token_grams("x = y + 12;", "c"), token_grams("abc = d + 3; // said", "c")
    assert first == second == {
        ("identifier", "=", "identifier", "+"),
        ("=", "identifier", "+", "number_literal"),
        ("identifier", "+", "number_literal", ";"),
    }
    assert token_grams('f("a");', "c") == token_grams('g("b c");', "c")
    assert token_grams("x = y - 12;", "c") != first


def test_jaccard_by_hand() -> None:
    found = jaccard([{1, 2, 3}, {2, 3, 4}, {5}, set()])
    expected = [[1, 0.5, 0, 0], [0.5, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    np.testing.assert_allclose(found, expected)


def test_each_problem_has_an_original_others_and_copies_of_each_level(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHCL_DATA", str(shared_data))
    files = disguised_files(0)
    kinds = Counter((row["case"], row["kind"], row["level"]) for row in files)
    assert len({row["case"] for row in files}) == PROBLEMS
    assert {count for (_, kind, _), count in kinds.items() if kind == "original"} == {1}
    assert {count for (_, kind, _), count in kinds.items() if kind == "non-plagiarized"} == {OTHERS}
    assert {count for (_, kind, _), count in kinds.items() if kind == "plagiarized"} == {COPIES}
    assert len(kinds) == PROBLEMS * (1 + 1 + 5)
    assert len({row["path"] for row in files}) == len(files)
