"""Batches of histories against what they should hold, user by user."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphcl.core.seeds import generator
from graphcl.tasks.base import Batch
from graphcl.tasks.sequence_batches import SequenceBatches

from .test_runs import runs_of

rows_of_users = st.lists(st.lists(st.integers(0, 7), max_size=8), min_size=1, max_size=6)
Example = tuple[list[int], list[int], list[int]]


def examples(rows: list[list[int]], layout: str, max_len: int) -> list[Example]:
    """(inputs, positions that predict, next items) of every example, the slow way."""
    found: list[Example] = []
    for row in rows:
        if layout == "packed" and len(row) >= 2:
            piece = row[-(max_len + 1) :]
            found.append((piece[:-1], list(range(len(piece) - 1)), piece[1:]))
        elif layout == "whole" and len(row) >= 2:
            found.append((row[-max_len:], [], []))
        elif layout == "prefix":
            for at in range(1, len(row)):
                inputs = row[max(0, at - max_len) : at]
                found.append((inputs, [len(inputs) - 1], [row[at]]))
    return found


def taken_apart(batch: Batch) -> list[Example]:
    """The same of a batch."""
    chains: Any = batch.graphs["chain"]
    found = []
    for number in range(batch.ids.numel()):
        begin, end = int(chains.ptr[number]), int(chains.ptr[number + 1])
        predict, following = (batch.rows.get(name, torch.zeros(0)) for name in ("predict", "next"))
        own = (predict >= begin) & (predict < end)
        found.append((chains.item[begin:end].tolist(), (predict[own] - begin).tolist(), following[own].tolist()))
        assert int(batch.rows["last"][number]) == end - 1
    return found


@given(rows_of_users, st.sampled_from(["packed", "prefix", "whole"]), st.integers(1, 4), st.integers(0, 3))
def test_an_epoch_holds_every_example_once(rows: list[list[int]], layout: Any, max_len: int, size: int) -> None:
    batches = SequenceBatches(runs_of([*rows, [8]]), max_len=max_len, row_layout=layout)
    expected = examples(rows, layout, max_len)
    assert len(batches) == len(expected)
    seen: list[Example] = []
    epoch = list(batches.epoch(size, generator=generator(1)))
    assert len(epoch) == batches.count(size) if expected else not epoch
    for batch in epoch:
        parts = taken_apart(batch)
        assert parts == [expected[number] for number in batch.ids.tolist()]
        assert batch.targets == sum(len(targets) or len(inputs) for inputs, _, targets in parts)
        assert layout == "whole" or batch.targets == batch.rows["predict"].numel()
        assert batches.target_of[batch.ids].tolist() == [(targets or inputs)[-1] for inputs, _, targets in parts]
        assert batch.rows["batch"].tolist() == list(range(batch.ids.numel()))
        chains: Any = batches.inputs(batch.ids)
        assert torch.equal(chains.item, batch.graphs["chain"].item)
        seen += parts
    assert sorted(seen) == sorted(expected)
    assert batches.targets == sum(len(targets) or len(inputs) for inputs, _, targets in expected)


@given(rows_of_users, st.sampled_from(["packed", "prefix", "whole"]), st.integers(1, 3))
def test_negatives_are_items_of_train_that_the_user_has_not(rows: list[list[int]], layout: Any, each: int) -> None:
    """Item 8 occurs nowhere, and is never drawn; who has all others is given any of them."""
    batches = SequenceBatches(runs_of(rows), row_layout=layout, per_target=each)
    occur = {item for row in rows for item in row}
    for batch in batches.epoch(0, generator=generator(2)):
        negatives = batch.rows["negatives"].view(-1, each)
        chains: Any = batch.graphs["chain"]
        of_chain = chains.batch[batch.rows.get("predict", torch.arange(len(chains.item)))].tolist()
        assert negatives.shape[0] == batch.targets
        for number, drawn in zip(of_chain, negatives.tolist(), strict=True):
            user = int(batches.user[batch.ids[number]])
            assert set(drawn) <= (occur - set(rows[user]) or occur)


def test_negatives_are_uniform() -> None:
    batches = SequenceBatches(runs_of([[0, 1], *[[n % 8] for n in range(40)]]), per_target=6000)
    (batch,) = batches.epoch(0, generator=generator(3))
    shares = torch.bincount(batch.rows["negatives"], minlength=9) / 6000
    assert shares[[0, 1, 8]].tolist() == [0, 0, 0]
    assert (shares[2:8] - 1 / 6).abs().max() < 0.02


@pytest.mark.parametrize("negatives", ["uniform", "popularity"])
def test_shared_negatives_are_any_items_of_train_and_all_say_how_likely_they_were(negatives: Any) -> None:
    rows = [[0, 1, 0], *[[n % 4, 4] for n in range(12)]]
    batches = SequenceBatches(runs_of(rows), per_target=2, for_all=20_000, negatives=negatives, power=1.0)
    counts = torch.bincount(torch.tensor([item for row in rows for item in row]), minlength=9).double()
    weights = counts if negatives == "popularity" else (counts > 0).double()
    (batch,) = batches.epoch(0, generator=generator(3))
    drawn = torch.bincount(batch.rows["shared"], minlength=9) / 20_000
    assert (drawn - weights / weights.sum()).abs().max() < 0.02
    torch.testing.assert_close(batch.shares["shared"], (weights / weights.sum())[batch.rows["shared"]])
    own, chain = batch.rows["negatives"].view(-1, 2), batch.graphs["chain"].batch
    for row, items, shares in zip(chain.tolist(), own.tolist(), batch.shares["negatives"].tolist(), strict=True):
        left = weights.clone().index_fill_(0, torch.tensor(rows[int(batches.user[batch.ids[row]])]), 0)
        assert shares == pytest.approx((left / left.sum())[items].tolist())


def test_negatives_of_a_user_with_every_item_are_items_of_train() -> None:
    batches = SequenceBatches(runs_of([[0, 1, 2], [0, 1], [2]]), per_target=50)
    assert (batches.full_users, batches.user.tolist()) == (1, [0, 1])
    (batch,) = batches.epoch(0, generator=generator(0))
    users = batches.user[batch.ids][batch.graphs["chain"].batch].repeat_interleave(50)
    own = {user: set(batch.rows["negatives"][users == user].tolist()) for user in (0, 1)}
    assert own == {0: {0, 1, 2}, 1: {2}}


@pytest.mark.parametrize("layout", ["packed", "prefix"])
def test_batches_do_not_depend_on_where_the_epoch_is_entered(layout: Any) -> None:
    batches = SequenceBatches(runs_of([[n % 8, (n * 3) % 8, (n + 1) % 8] for n in range(20)]), row_layout=layout)
    whole = list(batches.epoch(6, generator=generator(4)))
    later = list(batches.epoch(6, generator=generator(4), start=2))
    assert len(later) == len(whole) - 2 > 0
    for one, two in zip(whole[2:], later, strict=True):
        for name, rows in one.rows.items():
            assert torch.equal(rows, two.rows[name])
