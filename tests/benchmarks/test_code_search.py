"""The bar of code search, and how answers are judged, against values worked by hand."""

import math

import numpy as np
import pytest

from benchmarks.code_search import bm25, judged, without_docstring, words


def test_words_of_code_and_of_a_text_are_alike() -> None:
    assert words("Sorting the readCSVFiles(x_1)") == ["sort", "the", "read", "csv", "file", "x", "1"]


@pytest.mark.parametrize(
    ("code", "bare"),
    [
        ('def f(x):\n    """Twice."""\n    return 2 * x', "def f(x):\n    \n    return 2 * x"),
        ("@cached\ndef f():\n    r'''One.\n\n    Two: 3.'''\n    return 1", "@cached\ndef f():\n    \n    return 1"),
        ("def f(x):\n    return 2 * x", "def f(x):\n    return 2 * x"),
    ],
)
def test_a_docstring_is_taken_out_and_nothing_else(code: str, bare: str) -> None:
    assert without_docstring(code) == bare


def test_bm25_by_hand() -> None:
    scores = bm25(["a b b", "a"], ["b", "a c"], k1=1.0, b=0.5)
    # idf(b) = ln(1 + 1.5 / 1.5), idf(a) = ln(1 + .5 / 2.5); mean length 2
    of_b = math.log(2.0) * 2 * 2 / (2 + 1 - 0.5 + 0.5 * 3 / 2)
    of_a = [math.log(1.2) * 2 / (1 + 1 - 0.5 + 0.5 * length / 2) for length in (3, 1)]
    assert scores == pytest.approx(np.array([[of_b, 0.0], of_a]))


def test_equal_scores_share_the_mean_of_their_ranks() -> None:
    found = judged(np.array([[1.0, 1.0, 0.0, 1.0], [3.0, 2.0, 1.0, 0.0]]), [0, 3])
    assert found == {"mrr": pytest.approx((1 / 2 + 1 / 4) / 2), "recall@1": 0.0, "recall@5": 1.0, "recall@10": 1.0}
