from __future__ import annotations

from itertools import pairwise

import torch
from hypothesis import given
from hypothesis import strategies as st

from graphcl.tasks.ranking import ItemLists

from .reference import lists

rows = st.lists(st.lists(st.integers(0, 6), max_size=9), min_size=1, max_size=6)


def as_sets(item_lists: ItemLists) -> list[set[int]]:
    bounds = item_lists.starts.tolist()
    return [set(item_lists.items[a:b].tolist()) for a, b in pairwise(bounds)]


@given(rows)
def test_lists_hold_each_item_once_in_order(data):
    built = lists(data, 7)
    assert as_sets(built) == [set(row) for row in data]
    assert built.items.numel() == sum(len(set(row)) for row in data)
    assert built.counts.tolist() == [len(set(row)) for row in data]
    assert bool((built.keys.diff() > 0).all())


@given(rows, rows)
def test_union_is_the_union_of_each_user(left, right):
    size = max(len(left), len(right))
    left, right = (side + [[]] * (size - len(side)) for side in (left, right))
    joined = lists(left, 7).union(lists(right, 7))
    assert as_sets(joined) == [set(a) | set(b) for a, b in zip(left, right, strict=True)]


@given(rows, st.data())
def test_gather_takes_the_lists_of_users_in_the_order_asked_for(data, draw):
    users = draw.draw(st.lists(st.integers(0, len(data) - 1), max_size=8))
    positions, items = lists(data, 7).gather(torch.tensor(users, dtype=torch.int64))
    expected = [(row, item) for row, user in enumerate(users) for item in sorted(set(data[user]))]
    assert list(zip(positions.tolist(), items.tolist(), strict=True)) == expected


@given(rows)
def test_contains_asks_the_list_of_that_user(data):
    users = torch.arange(len(data))
    asked = torch.arange(-1, 7).expand(len(data), -1)
    found = lists(data, 7).contains(users, asked)
    assert found.tolist() == [[item in set(row) and item >= 0 for item in range(-1, 7)] for row in data]


def test_padding_is_not_the_last_item_of_the_user_before():
    assert not lists([[6], []], 7).contains(torch.tensor([1]), torch.tensor([[-1]])).item()
