from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphcl.tasks.ranking import popularity_slices, rank_users, slice_items, slice_users

from .reference import lists, table


def test_users_are_grouped_by_activity_and_metrics_are_their_means():
    """Users 0..3 find their item, 4..7 do not; activity separates them."""
    scores = [[9.0, 1.0]] * 8
    ranking = rank_users(table(scores), lists([[0]] * 4 + [[1]] * 4, 2), (1,))
    table_ = slice_users(ranking, torch.tensor([1, 2, 3, 4, 50, 60, 70, 80]), count=2)
    assert [(row.name, row.users, row.metrics["recall@1"]) for row in table_] == [
        ("q1 (1-4)", 4, 1.0),
        ("q2 (50-80)", 4, 0.0),
    ]


def test_users_of_equal_activity_stay_together():
    ranking = rank_users(table([[1.0, 0.0]] * 6), lists([[0]] * 6, 2), (1,))
    rows = slice_users(ranking, torch.full((6,), 3), count=4)
    assert [row.users for row in rows] == [6]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60))
def test_popularity_slices_are_ordered_and_keep_equal_counts_together(counts):
    popularity = torch.tensor(counts)
    slices = popularity_slices(popularity)
    for one, of_one in zip(counts, slices.tolist(), strict=True):
        for two, of_two in zip(counts, slices.tolist(), strict=True):
            if one > two:
                assert of_one <= of_two
            if one == two:
                assert of_one == of_two


def test_popularity_slices_hold_a_third_of_the_interactions_each():
    popularity = torch.cat([torch.full((1,), 300), torch.full((10,), 30), torch.full((300,), 1)])
    slices = popularity_slices(popularity)
    assert [int(popularity[slices == s].sum()) for s in range(3)] == [300, 300, 300]


def test_recall_of_an_item_slice_counts_only_its_items():
    """Item 0 is head, 1 mid, 2 tail. User 0 wants 0 and 2 and is given 0; user 1 wants 2 and is given it."""
    popularity = torch.tensor([10, 10, 10]) + torch.tensor([2, 1, 0])
    assert popularity_slices(popularity).tolist() == [0, 1, 2]
    ranking = rank_users(table([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]]), lists([[0, 2], [2]], 3), (1, 3))
    rows = {row.name.split()[0]: row for row in slice_items(ranking, popularity)}
    assert set(rows) == {"head", "tail"}
    assert rows["head"].users == 1
    assert rows["head"].metrics == {"recall@1": 1.0, "recall@3": 1.0}
    assert rows["tail"].users == 2
    assert rows["tail"].metrics == {"recall@1": 0.5, "recall@3": 1.0}


def test_item_slices_equal_a_loop_over_users():
    generator = torch.Generator().manual_seed(1)
    wanted = [{u % 30, (u * 7 + 3) % 30} for u in range(40)]
    ranking = rank_users(
        table(torch.randn(40, 30, generator=generator).tolist()), lists([sorted(w) for w in wanted], 30), (5,)
    )
    popularity = torch.randint(1, 40, (30,), generator=generator)
    slices = popularity_slices(popularity).tolist()
    for number, row in enumerate(slice_items(ranking, popularity)):
        shares = []
        for user, items in enumerate(wanted):
            mine = {item for item in items if slices[item] == number}
            if mine:
                shares.append(len(mine & set(ranking.items[user, :5].tolist())) / len(mine))
        assert row.users == len(shares)
        assert row.metrics["recall@5"] == pytest.approx(sum(shares) / len(shares))
