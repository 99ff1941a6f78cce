"""Baselines of sequences, against slow forms and counts that are known."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphcl.data.history_source import HistoriesData
from graphcl.tasks.baselines.compare import hold_back_last
from graphcl.tasks.baselines.markov import Markov, count_transitions
from graphcl.tasks.baselines.repeat_last import RepeatLast
from graphcl.tasks.sequence import Sequence

from ..small_log import pairs
from ..test_runs import runs_of

histories = st.lists(st.lists(st.integers(0, 8), max_size=7), min_size=1, max_size=5)


@given(histories, st.integers(1, 4))
def test_transitions_are_shares_of_what_follows(rows: list[list[int]], window: int) -> None:
    counts: dict[tuple[int, int], float] = defaultdict(float)
    for row in rows:
        for at, item in enumerate(row):
            for step, follower in enumerate(row[at + 1 : at + 1 + window]):
                counts[item, follower] += 1 / 2**step
    expected = np.zeros((9, 9))
    for (item, follower), count in counts.items():
        expected[item, follower] = count / sum(c for (i, _), c in counts.items() if i == item)
    np.testing.assert_allclose(count_transitions(runs_of(rows), window).toarray(), expected, atol=1e-12)


@given(histories, histories, st.sampled_from([0.7, 0.3]))
def test_markov_equals_its_formula(train: list[list[int]], asked: list[list[int]], decay: float) -> None:
    taught = pairs([(user, item) for user, row in enumerate(train) for item in row])
    ((setting, rule),) = Markov((2,), (decay,)).fits(taught, len(train), 9)
    assert setting == {"window": 2, "decay": decay}
    follows = count_transitions(runs_of(train), 2).toarray()
    users = torch.arange(len(asked)).flip(0)
    found = rule.given(runs_of(asked))(users)
    for row, user in zip(found, users.tolist(), strict=True):
        expected = sum((decay**age * follows[item] for age, item in enumerate(reversed(asked[user]))), np.zeros(9))
        np.testing.assert_allclose(row.numpy(), expected, rtol=1e-5, atol=1e-7)


@given(histories)
def test_repeat_last_orders_the_items_of_the_user_newest_first(rows: list[list[int]]) -> None:
    ((_, rule),) = RepeatLast().fits(pairs([]), len(rows), 9)
    scores = rule.given(runs_of(rows))(torch.arange(len(rows)))
    for row, found in zip(rows, scores.tolist(), strict=True):
        newest = list(dict.fromkeys(reversed(row)))
        assert sorted(set(row), key=lambda item: -found[item]) == newest
        assert {found[item] for item in range(9) if item not in row} <= {-np.inf}
        assert all(found[item] > -np.inf for item in row)


def test_what_is_held_back_is_each_last_row() -> None:
    rest, held = hold_back_last(pairs([(1, 5), (0, 1), (1, 6), (2, 9), (0, 2), (0, 1)]))
    assert list(zip(held.users.tolist(), held.items.tolist(), strict=True)) == [(1, 6), (0, 1)]
    assert list(zip(rest.users.tolist(), rest.items.tolist(), strict=True)) == [(1, 5), (0, 1), (2, 9), (0, 2)]


BEAUTY = {
    "popularity": (0.0075, 0.0115, 0.0204, 0.0041, 0.0055, 0.0076),
    "bigram": (0.0530, 0.0720, 0.0945, 0.0397, 0.0458, 0.0516),
    "skip-gram": (0.0573, 0.0768, 0.1036, 0.0426, 0.0489, 0.0557),
}
COLUMNS = ("recall@5", "recall@10", "recall@20", "ndcg@5", "ndcg@10", "ndcg@20")


@pytest.fixture(scope="module")
def beauty(shared_data: Path) -> Sequence:
    return Sequence(data=HistoriesData.from_card("beauty", data_root=shared_data).load(seed=0), baselines=())


@pytest.mark.parametrize("rule", BEAUTY)
def test_known_figures_of_beauty(beauty: Sequence, rule: str) -> None:
    """History masked, all items ranked; counted before by a program of its own, whose ties fell otherwise."""
    if rule == "popularity":
        task = Sequence(data=beauty.data, baselines=("popularity",))
        found = task.baselines(seed=0)["popularity"]
    else:
        data, window = beauty.data, 1 if rule == "bigram" else 3
        ((_, fitted),) = Markov((window,), (0.7,)).fits(data.train, len(data.users), len(data.items))
        found = beauty.rank(fitted, "test", seed=0).metrics()
    assert [found[name] for name in COLUMNS] == pytest.approx(list(BEAUTY[rule]), abs=0.0008, rel=0)
    assert found["ndcg@10"] == pytest.approx(BEAUTY[rule][4], abs=0.0003, rel=0)


def test_repeats_of_yelp(shared_data: Path) -> None:
    """Items that come back are found where the history is not masked."""
    data = HistoriesData.from_card("yelp-mclrec", data_root=shared_data).load(seed=0)
    found = Sequence(data=data, mask_history=False, baselines=("repeat_last",)).baselines(seed=0)["repeat_last"]
    known = (0.0547, 0.0620, 0.0653, 0.0389, 0.0414, 0.0422)
    assert [found[name] for name in COLUMNS] == pytest.approx(list(known), abs=0.0006, rel=0)
