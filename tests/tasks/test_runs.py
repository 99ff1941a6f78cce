"""Histories in one packed array, against lists."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphcl.data.interactions import Pairs
from graphcl.tasks.runs import ItemRuns, spans

rows_of_users = st.lists(st.lists(st.integers(0, 8), max_size=7), min_size=1, max_size=6)


def runs_of(rows: list[list[int]], shuffled: int = 0) -> ItemRuns:
    """The rows of users interleaved at random, each user's own in order."""
    users = np.array([user for user, row in enumerate(rows) for _ in row], dtype=np.int64)
    users = np.random.default_rng(shuffled).permutation(users)
    left = [iter(row) for row in rows]
    items = np.array([next(left[user]) for user in users], dtype=np.int64)
    return ItemRuns.from_pairs(Pairs(users, items, time=10 * items), len(rows), 9)


@given(rows_of_users, st.integers(0, 3), st.integers(1, 4))
def test_runs_are_lists(rows: list[list[int]], shuffled: int, most: int) -> None:
    runs = runs_of(rows, shuffled)
    assert runs.counts.tolist() == [len(row) for row in rows]
    assert runs.users.tolist() == [user for user, row in enumerate(rows) for _ in row]
    for found, expected in ((runs, rows), (runs.last(most), [row[-most:] for row in rows])):
        assert found.items.tolist() == [item for row in expected for item in row]
        assert found.counts.tolist() == [len(row) for row in expected]
        assert found.time is not None
        assert found.time.tolist() == [10 * item for item in found.items.tolist()]
    lists = runs.lists()
    for user, row in enumerate(rows):
        assert lists.items[lists.starts[user] : lists.starts[user + 1]].tolist() == sorted(set(row))


@given(rows_of_users)
def test_events_have_ages_from_the_end(rows: list[list[int]]) -> None:
    asked = torch.tensor([len(rows) - 1, 0])
    place, items, age = runs_of(rows).events(asked)
    expected = [
        (n, item, len(rows[user]) - 1 - at)
        for n, user in enumerate(asked.tolist())
        for at, item in enumerate(rows[user])
    ]
    assert list(zip(place.tolist(), items.tolist(), age.tolist(), strict=True)) == expected


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4)), max_size=6))
def test_spans(given_spans: list[tuple[int, int]]) -> None:
    begin = torch.tensor([start for start, _ in given_spans], dtype=torch.int64)
    end = begin + torch.tensor([size for _, size in given_spans], dtype=torch.int64)
    place, ptr = spans(begin, end)
    assert place.tolist() == [n for start, size in given_spans for n in range(start, start + size)]
    assert ptr.diff().tolist() == [size for _, size in given_spans]


def test_chains_carry_times_and_places() -> None:
    runs = runs_of([[4, 5, 6], [7, 8]])
    chains, place = runs.chains(torch.tensor([3, 1]), torch.tensor([5, 2]))
    assert (chains.item.tolist(), chains.ptr.tolist(), place.tolist()) == ([7, 8, 5], [0, 2, 3], [3, 4, 1])
    assert (chains.time.tolist(), chains.num_items) == ([70, 80, 50], 9)
