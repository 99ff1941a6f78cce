from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphcl.core.errors import UserError
from graphcl.graph.places import boxes, move_places
from graphcl.objective.base import Rows, concatenate
from graphcl.objective.pairs import is_table, match_rows, pair_rows, positions_of

IDS = st.lists(st.integers(0, 8), max_size=12)


@given(IDS, IDS)
def test_position_of_the_first_equal_id(wanted: list[int], ids: list[int]) -> None:
    found = positions_of(torch.tensor(wanted, dtype=torch.int64), torch.tensor(ids, dtype=torch.int64)).tolist()
    same = list(range(len(ids)))
    assert found == (same if wanted == ids else [ids.index(x) if x in ids else -1 for x in wanted])


def test_a_table_is_indexed_by_id() -> None:
    base, ids = torch.zeros(4, 2), torch.tensor([3, 0, 4, -1])
    anchors = Rows(base, ids, ids)
    for table in (Rows(base), Rows(base, None, torch.arange(4))):
        assert is_table(table)
        assert match_rows(anchors, table).tolist() == [3, 0, -1, -1]
    assert not is_table(Rows(base, torch.arange(4)))
    assert not is_table(Rows(base, None, torch.tensor([0, 1, 3, 2])))


def test_rows_without_ids_are_paired_by_position() -> None:
    index = torch.tensor([2, 0])
    assert match_rows(Rows(torch.zeros(3, 2), index), Rows(torch.zeros(2, 2))).tolist() == [0, 1]
    assert match_rows(Rows(torch.zeros(3, 2), index, index), Rows(torch.zeros(3, 2), index)).tolist() == [0, 1]
    with pytest.raises(UserError, match="cannot pair 2 anchors with 3 candidates"):
        match_rows(Rows(torch.zeros(3, 2), index), Rows(torch.zeros(3, 2)))


def test_sides_of_different_widths_are_refused() -> None:
    with pytest.raises(UserError, match="one side is 3 wide and the other 2"):
        pair_rows(Rows(torch.ones(4, 3)), Rows(torch.ones(4, 2)), "position")


def test_patches_are_paired_by_the_place_they_show() -> None:
    """The second view shows the right half of each of two images of 1 x 2 patches."""
    whole = boxes(1, 2).repeat(2, 1)
    right = move_places(whole, boxes(1, 2), torch.tensor([[1.0, 0.4]] * 2), torch.tensor([[0.0, 0.6]] * 2))
    member, x = torch.tensor([0, 0, 1, 1]), torch.arange(4.0)[:, None]
    first = Rows(x, None, torch.arange(4), member, place=whole)
    one, other, ids = pair_rows(first, Rows(x + 10, None, torch.arange(4), member, place=right), "place")
    assert ids is not None
    assert (one.squeeze(1).tolist(), other.squeeze(1).tolist(), ids.tolist()) == ([1, 3], [10, 12], [1, 3])
    for rows in (Rows(x), concatenate([first, first])):
        with pytest.raises(UserError, match="pair: place matches patches of images: give one address of nodes"):
            pair_rows(first, rows, "place")
