"""Histories as chains."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphcl.core.errors import UserError
from graphcl.graph.chain import build_chains

ITEMS = 6
histories = st.lists(st.lists(st.integers(0, ITEMS), min_size=1, max_size=7), max_size=6)


def packed(rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    ends = [0]
    for row in rows:
        ends.append(ends[-1] + len(row))
    return torch.tensor([item for row in rows for item in row], dtype=torch.int64), torch.tensor(ends)


@given(histories)
def test_every_chain_is_its_history(rows: list[list[int]]) -> None:
    items, ptr = packed(rows)
    before = items.clone(), ptr.clone()
    chains = build_chains(items, ptr, num_items=ITEMS, time=10 * torch.arange(items.numel()))
    assert (chains.num_nodes, chains.num_items) == (len(items), ITEMS)
    assert chains.item.tolist() == [item for row in rows for item in row]
    assert chains.pos.tolist() == [age for row in rows for age in range(len(row))]
    assert chains.batch.tolist() == [number for number, row in enumerate(rows) for _ in row]
    assert chains.time.tolist() == [10 * n for n in range(len(items))]
    node, edges = 0, []
    for row in rows:
        edges += [(node + age, node + age + 1) for age in range(len(row) - 1)]
        node += len(row)
    assert list(zip(*chains.edge_index.tolist(), strict=True)) == edges
    assert chains.edge_index.shape == (2, len(items) - len(rows))
    assert {chains[name].dtype for name in ("item", "pos", "batch", "ptr", "edge_index")} == {torch.int64}
    assert torch.equal(items, before[0])
    assert torch.equal(ptr, before[1])


@given(histories)
def test_many_chains_are_the_chains_one_by_one(rows: list[list[int]]) -> None:
    together = build_chains(*packed(rows), num_items=ITEMS)
    for number, row in enumerate(rows):
        alone = build_chains(*packed([row]), num_items=ITEMS)
        own = together.batch == number
        assert torch.equal(together.item[own], alone.item)
        assert torch.equal(together.pos[own], alone.pos)
        inside = own[together.edge_index[0]]
        assert torch.equal(together.edge_index[:, inside] - int(together.ptr[number]), alone.edge_index)


def test_without_times_there_are_none() -> None:
    assert "time" not in build_chains(*packed([[1, 2]]), num_items=ITEMS)


@pytest.mark.parametrize(
    ("items", "ptr", "said"),
    [
        ([1, 2], [0, 2, 2], "chain 1 is empty"),
        ([1, 2], [0, 1], r"from \[0\] to \[1\], and must go from 0 to the number of items, 2"),
        ([1, 2], [1, 2], r"from \[1\] to \[2\]"),
        ([1, 7], [0, 2], r"outside 0..6, where 6 is the mask token"),
        ([-1, 2], [0, 2], r"outside 0..6"),
        ([], [], r"from \[\] to \[\]"),
    ],
)
def test_what_is_no_chain(items: list[int], ptr: list[int], said: str) -> None:
    with pytest.raises(UserError, match=said):
        build_chains(torch.tensor(items), torch.tensor(ptr), num_items=ITEMS)


def test_times_of_another_length() -> None:
    with pytest.raises(UserError, match=r"2 items but times of shape \(3,\)"):
        build_chains(*packed([[1, 2]]), num_items=ITEMS, time=torch.arange(3))
