"""MAP@R against a value worked by hand and a loop a child could check."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.data.graphs.splits import NodeSplit
from graphcl.data.images.image_set import ImagesData
from graphcl.tasks.graph import GraphTask
from graphcl.tasks.probes.base import ClassCase, Labelled
from graphcl.tasks.probes.map_at_r import MapAtR, map_at_r


def slow(x: torch.Tensor, y: torch.Tensor) -> float:
    """The definition, query by query."""
    values = []
    for query in range(len(y)):
        others = [n for n in range(len(y)) if n != query]
        relevant = sum(int(y[n] == y[query]) for n in others)
        if not relevant:
            continue
        ranked = sorted(others, key=lambda n: -float(x[query] @ x[n] / (x[query].norm() * x[n].norm())))
        hits, total = 0, 0.0
        for place, n in enumerate(ranked[:relevant], 1):
            if y[n] == y[query]:
                hits += 1
                total += hits / place
        values.append(total / relevant)
    return sum(values) / len(values) if values else 0.0


def test_by_hand() -> None:
    """On a line of angles: 0 and 1 are near, 2 lies nearer to the other class."""
    angles = torch.tensor([0.0, 0.1, 1.0, 1.2, 1.5])
    x = torch.stack([angles.cos(), angles.sin()], dim=1)
    y = torch.tensor([0, 0, 0, 1, 1])
    # queries 0 and 1: nearest the other, then 2: 1 each; query 2: 3 and 4, none of its class: 0;
    # query 3: nearest 2: 0; query 4: nearest 3: 1.
    found = map_at_r(Labelled(x, y))
    assert found["map_at_r"] == pytest.approx((1 + 1 + 0 + 0 + 1) / 5)
    assert found["precision_at_1"] == pytest.approx(3 / 5)


@given(st.lists(st.integers(0, 3), min_size=2, max_size=14), st.integers(0, 99), st.sampled_from([1, 3, 50]))
def test_against_the_definition(classes: list[int], seed: int, block: int) -> None:
    y, x = torch.tensor(classes), torch.randn(len(classes), 5, generator=generator(seed))
    assert map_at_r(Labelled(x, y), block=block)["map_at_r"] == pytest.approx(slow(x, y))


def test_jaccard_of_sets() -> None:
    """{a}, {a, b, c}, {b, c}: the second shares 1 of 3 with the first, and 2 of 3 with the third."""
    x = torch.tensor([[1.0, 0, 0], [1, 1, 1], [0, 1, 1]])
    found = map_at_r(Labelled(x, torch.tensor([0, 0, 1])), "jaccard")
    assert found["map_at_r"] == pytest.approx(0.5)  # of the first right, of the second wrong; the third does not query


def test_only_the_part_that_is_judged_counts() -> None:
    x = torch.cat([torch.eye(2), torch.eye(2), torch.eye(2)])
    y = torch.tensor([5, 5, 0, 1, 0, 1])
    case = ClassCase(x, y, NodeSplit(torch.arange(2), torch.arange(0), torch.arange(2, 6)))
    assert MapAtR().judge(case, "test", seed=0) == {"map_at_r": 1.0, "precision_at_1": 1.0}


def test_rows_that_are_all_alike_get_chance_whatever_their_order() -> None:
    y = torch.arange(300) // 100
    case = ClassCase(torch.ones(300, 2), y, NodeSplit(y[:0], y[:0], torch.arange(300)))
    assert MapAtR().judge(case, "test", seed=0)["precision_at_1"] == pytest.approx(1 / 3, abs=0.12)


def test_no_class_with_two_rows_is_refused_before_training() -> None:
    assert map_at_r(Labelled(torch.eye(3), torch.arange(3)))["map_at_r"] == 0.0
    case = ClassCase(torch.eye(3), torch.arange(3), NodeSplit(torch.arange(0), torch.arange(0), torch.arange(3)))
    with pytest.raises(UserError, match=r"of 3 rows that are judged together none has another of its class"):
        MapAtR().judge(case, "test", seed=0)
    digits = ImagesData(limit=30).load(seed=0)  # ten classes, three of each
    with pytest.raises(UserError, match=r"lower eval\.folds"):
        GraphTask("map_at_r", folds=3, baselines=(), data=digits)


def test_changed_copies_ask_and_their_own_original_is_no_answer() -> None:
    x, y = torch.eye(4), torch.tensor([0, 0, 1, 1])
    asked = x[[1, 0, 3, 2]]  # each asks with the row of the other of its class
    assert map_at_r(Labelled(x, y), asked=asked)["map_at_r"] == 1.0
    wrong = x[[2, 3, 0, 1]]
    assert map_at_r(Labelled(x, y), asked=wrong)["map_at_r"] == 0.0
