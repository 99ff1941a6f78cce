"""Which items are alike, against loops; and substitute and insert, which use it."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Data

import graphcl.augment.item_similarity as module
from graphcl.augment import InsertItems, SubstituteItems, insert_items, similar_items, substitute_items
from graphcl.core.seeds import generator
from graphcl.graph.chain import build_chains

ITEMS = 7


def histories(lists: list[list[int]], num_items: int = ITEMS, timed: bool = False) -> Data:
    ptr = torch.tensor([0, *map(len, lists)]).cumsum(0)
    item = torch.tensor([item for one in lists for item in one])
    return build_chains(item, ptr, num_items=num_items, time=torch.arange(len(item)) if timed else None)


def by_hand(lists: list[list[int]], i: int) -> dict[int, float]:
    """Every item that shares a history with item i, and how similar it is."""
    shown = [{item for item in one if item < ITEMS} for one in lists]
    found = {}
    for j in range(ITEMS):
        both = [1 / math.log(1 + len(one)) for one in shown if i in one and j in one]
        if i != j and both:
            found[j] = sum(both) / math.sqrt(sum(i in one for one in shown) * sum(j in one for one in shown))
    return found


@settings(max_examples=60, deadline=None)
@given(
    lists=st.lists(st.lists(st.integers(0, ITEMS), min_size=1, max_size=6), min_size=1, max_size=8),
    k=st.integers(1, 8),
    block=st.sampled_from([1, 7, 2**22]),
)
def test_similar_items_are_those_of_the_loop(lists: list[list[int]], k: int, block: int) -> None:
    before, module.BLOCK_PRODUCTS = module.BLOCK_PRODUCTS, block
    try:
        table = similar_items(histories(lists), k)
    finally:
        module.BLOCK_PRODUCTS = before
    assert table.shape == (ITEMS, k)
    for i, row in enumerate(table.tolist()):
        known = by_hand(lists, i)
        best = sorted(known.values(), reverse=True)[:k]
        assert row[len(best) :] == [-1] * (k - len(best))
        assert len(set(row[: len(best)])) == len(best)
        assert [known[j] for j in row[: len(best)]] == pytest.approx(best)


def test_users_with_many_items_count_less() -> None:
    table = similar_items(histories([[0, 1], [0, 2, 3, 4, 5], [1], [2]]))
    assert table[0].tolist() == [1]
    assert table[6].tolist() == [-1]


SIMILAR = torch.tensor([[1, 2], [0, -1], [-1, -1], [4, 5], [3, 5], [3, 4], [-1, -1]])


@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0])
def test_substitutes_are_similar_items(ratio: float) -> None:
    lists = [[0, 1, 3, 4], [2, 2], [5, ITEMS, 0], [1]]
    seen = set()
    for seed in range(30):
        result = substitute_items(histories(lists), ratio, similar=SIMILAR, generator=generator(seed))
        number = 0
        for one in lists:
            changes = 0
            for old in one:
                new = int(result.item[number])
                if new != old:
                    assert new in SIMILAR[old].tolist()
                    seen.add((old, new))
                    changes += 1
                number += 1
            swappable = sum(item not in (2, ITEMS) for item in one)
            assert changes <= min(int(ratio * len(one)), swappable)
            assert ratio < 1 or changes == swappable
    assert result.too_short == (1 if ratio == 0.5 else 0)
    assert len(seen) == (0 if not ratio else 9)  # every pair of the table


@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0])
def test_inserted_items_are_similar_and_in_front(ratio: float) -> None:
    lists = [[0, 1, 3, 4], [2, 2], [5, ITEMS, 0], [1]]
    for seed in range(20):
        before = histories(lists, timed=True)
        result = insert_items(before, ratio, similar=SIMILAR, generator=generator(seed))
        for number, one in enumerate(lists):
            new, times = (value[result.batch == number].tolist() for value in (result.item, result.time))
            origin = [before.time[before.batch == number].tolist().index(time) for time in times]
            assert [item for at, item in enumerate(new) if at + 1 == len(new) or origin[at + 1] != origin[at]] == one
            added = [(item, one[origin[at]]) for at, item in enumerate(new[:-1]) if origin[at + 1] == origin[at]]
            assert all(item in SIMILAR[of].tolist() for item, of in added)
            assert len(added) <= int(ratio * len(one))
            assert ratio < 1 or len(added) == sum(item not in (2, ITEMS) for item in one)


def test_longer_chains_keep_their_last_items() -> None:
    before = histories([[0, 1, 3, 4], [1], [3, 4]])
    result = insert_items(before, 1.0, similar=SIMILAR, max_len=3, generator=generator(0))
    whole = insert_items(before, 1.0, similar=SIMILAR, generator=generator(0))
    assert result.ptr.diff().tolist() == [3, 2, 3]
    assert whole.ptr.diff().tolist() == [8, 2, 4]
    for number in range(3):
        assert result.item[result.batch == number].tolist() == whole.item[whole.batch == number].tolist()[-3:]


@pytest.mark.parametrize("part", [SubstituteItems(1.0), InsertItems(1.0)])
def test_similarity_is_of_what_was_prepared(part: SubstituteItems | InsertItems) -> None:
    prepared = part.prepare(histories([[0, 3], [0, 3]]))
    result = part(histories([[0, 1]]), prepared=prepared, generator=generator(0))
    assert set(result.item.tolist()) >= {3}
    alone = part(histories([[0, 1]]), generator=generator(0))
    assert set(alone.item.tolist()) == {0, 1}
