"""Sampled candidates: which they are, and rankings among them against a slow obvious version."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphcl.tasks.ranking import rank_users, sample_candidates
from graphcl.tasks.ranking.ties import tie_keys

from . import reference
from .reference import lists, table

ITEMS = 12
rows_of_items = st.lists(st.lists(st.integers(0, ITEMS - 1), max_size=6), min_size=1, max_size=5)


def of_each(found: object) -> list[list[int]]:
    return [found.items[a:b].tolist() for a, b in zip(found.starts, found.starts[1:], strict=False)]  # type: ignore[attr-defined]


@settings(max_examples=40, deadline=None)
@given(rows_of_items, st.integers(0, 14), st.booleans(), st.integers(0, 99), st.data())
def test_metrics_are_those_of_each_user_ranked_among_his_candidates(
    positives: list[list[int]], count: int, mask: bool, seed: int, data: st.DataObject
) -> None:
    positives = [*positives, [3]]
    had = data.draw(st.lists(st.lists(st.integers(0, ITEMS - 1), max_size=6), min_size=len(positives),
                             max_size=len(positives)))  # fmt: skip
    wanted, before = lists(positives, ITEMS), lists(had, ITEMS)
    found = sample_candidates(wanted, before, count, seed=seed)
    scores = data.draw(st.lists(st.lists(st.integers(0, 3), min_size=ITEMS, max_size=ITEMS), min_size=len(positives),
                                max_size=len(positives)))  # fmt: skip
    expected: dict[str, list[float]] = {}
    for user, (mine, own, candidates) in enumerate(zip(positives, had, of_each(found), strict=True)):
        if not mine:
            assert candidates == []
            continue
        drawn = set(candidates) - set(mine)
        free = set(range(ITEMS)) - set(mine) - set(own)
        assert set(mine) <= set(candidates)
        assert drawn <= free
        assert len(drawn) == min(count, len(free))
        ties = dict(enumerate(tie_keys(torch.tensor([user]), torch.arange(ITEMS), seed)[0].tolist()))
        left_out = (set(range(ITEMS)) - set(candidates)) | (set(own) if mask else set())
        ranked = reference.best([float(s) for s in scores[user]], 3, left_out, ties.__getitem__)
        for name, value in reference.metrics(ranked, set(mine), 3).items():
            expected.setdefault(name, []).append(value)
    scorer, seen = table([[float(s) for s in row] for row in scores]), before if mask else None
    metrics = rank_users(scorer, wanted, (3,), seen=seen, only=found, seed=seed).metrics()
    for name, values in expected.items():
        assert metrics[name] == pytest.approx(sum(values) / len(values)), name


def test_they_depend_on_the_seed_alone() -> None:
    positives, had = lists([[n % 50] for n in range(600)], 50), lists([[(n + 1) % 50] for n in range(600)], 50)
    found = sample_candidates(positives, had, 5, seed=1)
    assert torch.equal(found.keys, sample_candidates(positives, had, 5, seed=1).keys)
    assert not torch.equal(found.keys, sample_candidates(positives, had, 5, seed=2).keys)


@pytest.mark.parametrize("weights", [None, [8.0, 4.0, 2.0, 1.0, 1.0, 0.0, 9.0]])
def test_one_is_drawn_in_proportion(weights: list[float] | None) -> None:
    users = 20_000
    given = None if weights is None else torch.tensor(weights)
    found = sample_candidates(lists([[6]] * users, 7), lists([[]] * users, 7), 1, weights=given, seed=0)
    shares = torch.bincount(found.items, minlength=7)[:6] / users
    expected = torch.ones(6) if given is None else given[:6]
    assert (shares - expected / expected.sum()).abs().max() < 0.015


def test_random_scores_find_one_of_a_hundred_and_one_a_tenth_of_the_time() -> None:
    users = 4000
    positives = lists([[n % 300] for n in range(users)], 300)
    found = sample_candidates(positives, lists([[]] * users, 300), 100, seed=0)
    ranking = rank_users(lambda block: torch.zeros(block.numel(), 300), positives, (10,), only=found, seed=0)
    assert ranking.metrics()["recall@10"] == pytest.approx(10 / 101, abs=0.015)
