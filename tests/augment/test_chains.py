"""Crop, mask and reorder: how much of each chain, which part of it, and that every part is as likely."""

from __future__ import annotations

import doctest
from collections import Counter
from typing import Literal

import pytest
import torch
from torch_geometric.data import Data

import graphcl.augment.chains
from graphcl.augment import append_mask, crop_chain, mask_items, reorder_chain
from graphcl.augment.chain_pieces import join_chains, shares, take_chains
from graphcl.core.seeds import generator
from graphcl.encode.chains import read_chains
from graphcl.graph.chain import build_chains
from tests.contract.toys import tensors

ITEMS = 100
LENGTHS = [5, 1, 12, 2, 3, 20]


def histories(lengths: list[int] | None = None) -> Data:
    """Of different items each, so that an item tells where it was."""
    lengths = LENGTHS if lengths is None else lengths
    ptr = torch.tensor([0, *lengths]).cumsum(0)
    item = torch.cat([torch.arange(n) for n in lengths])
    return build_chains(item, ptr, num_items=ITEMS, time=torch.arange(sum(lengths)) * 3)


def of_each(graph: Data) -> list[list[int]]:
    return [graph.item[graph.batch == number].tolist() for number in range(len(graph.ptr) - 1)]


@pytest.mark.parametrize(("ratio", "length", "share"), [(0.29, 100, 29), (0.5, 5, 2), (1.0, 7, 7), (0.0, 9, 0)])
def test_a_share_is_rounded_down_and_not_by_rounding_errors(ratio: float, length: int, share: int) -> None:
    assert shares(read_chains(histories([length])), ratio).tolist() == [share]


def test_the_example_holds() -> None:
    assert doctest.testmod(graphcl.augment.chains).failed == 0


@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.6, 1.0])
def test_crop_keeps_a_piece_in_a_row(ratio: float) -> None:
    for seed in range(10):
        result = crop_chain(histories(), ratio, generator=generator(seed))
        for piece, length in zip(of_each(result), LENGTHS, strict=True):
            assert len(piece) == max(1, int(ratio * length + 1e-9))
            assert piece == list(range(piece[0], piece[0] + len(piece)))
            assert piece[-1] < length
        assert result.too_short == 1
        assert torch.equal(result.time, 3 * (result.item + torch.tensor([0, 5, 6, 18, 20, 23])[result.batch]))


def test_every_piece_is_as_likely() -> None:
    starts = crop_chain(histories([5] * 4000), 0.4, generator=generator(0)).item.view(-1, 2)[:, 0]
    assert [(starts == start).double().mean().item() for start in range(4)] == pytest.approx([0.25] * 4, abs=0.03)


@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.7, 1.0])
def test_mask_hides_as_many_as_it_says(ratio: float) -> None:
    before = histories()
    result = mask_items(before, ratio, generator=generator(1))
    hidden = result.item == ITEMS
    expected = [int(ratio * length + 1e-9) for length in LENGTHS]
    assert torch.bincount(result.batch[hidden], minlength=len(LENGTHS)).tolist() == expected
    assert torch.equal(result.item[~hidden], before.item[~hidden])
    assert result.too_short == (sum(count == 0 for count in expected) if ratio else 0)
    assert torch.equal(result.time, before.time)


def test_every_item_is_as_likely_to_be_hidden() -> None:
    hidden = mask_items(histories([5] * 4000), 0.4, generator=generator(0)).item.view(-1, 5) == ITEMS
    assert hidden.double().mean(0).tolist() == pytest.approx([0.4] * 5, abs=0.03)
    pairs = Counter(tuple(row.nonzero().view(-1).tolist()) for row in hidden)
    assert len(pairs) == 10
    assert all(count / 4000 == pytest.approx(0.1, abs=0.02) for count in pairs.values())


@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.6, 1.0])
def test_reorder_moves_items_within_a_piece(ratio: float) -> None:
    moved = 0
    for seed in range(10):
        before = histories()
        result = reorder_chain(before, ratio, generator=generator(seed))
        assert torch.equal(result.time, before.time)
        for items, length in zip(of_each(result), LENGTHS, strict=True):
            assert sorted(items) == list(range(length))
            other = [place for place, item in enumerate(items) if place != item]
            moved += len(other)
            assert not other or other[-1] - other[0] < int(ratio * length + 1e-9)
        assert result.too_short == (sum(int(ratio * length + 1e-9) < 2 for length in LENGTHS) if ratio else 0)
    assert bool(moved) == (ratio > 0)


def test_every_order_is_as_likely() -> None:
    result = reorder_chain(histories([3] * 6000), 1.0, generator=generator(0)).item.view(-1, 3)
    found = Counter(map(tuple, result.tolist()))
    assert len(found) == 6
    assert all(count / 6000 == pytest.approx(1 / 6, abs=0.02) for count in found.values())
    shuffled = reorder_chain(histories([4] * 6000), 0.5, generator=generator(0)).item.view(-1, 4)
    as_was = (shuffled == torch.arange(4)).all(1).double().mean().item()
    assert as_was == pytest.approx(0.5, abs=0.03)  # two of four, half the time in their old order
    first = (shuffled[:, 0] != 0).double().mean().item()
    assert first == pytest.approx(1 / 6, abs=0.03)


def test_too_short_chains_add_up() -> None:
    once = mask_items(histories(), 0.3, generator=generator(0))
    assert once.too_short == 3
    assert crop_chain(once, 0.6, generator=generator(0)).too_short == 4


def test_taken_apart_and_joined_chains_are_the_same() -> None:
    whole, which = histories(), torch.tensor([4, 0, 5])
    rest = torch.tensor([1, 2, 3])
    some, others = take_chains(whole, which), take_chains(whole, rest)
    assert of_each(some) == [of_each(whole)[number] for number in which.tolist()]
    joined = join_chains([(which, some), (rest, others)])
    assert all(torch.equal(value, tensors(whole)[name]) for name, value in tensors(joined).items())


@pytest.mark.parametrize("where", ["anywhere", "end"])
def test_a_mask_hides_some_however_short_the_chain_but_never_all_for_that(where: Literal["anywhere", "end"]) -> None:
    result = mask_items(histories(), 0.3, at_least=2, where=where, generator=generator(0))
    expected = [max(int(0.3 * n + 1e-9), min(2, n - 1)) for n in LENGTHS]
    assert torch.bincount(result.batch[result.masked], minlength=len(LENGTHS)).tolist() == expected
    assert torch.equal(result.masked, result.item == ITEMS)
    assert result.too_short == 1  # of one item
    last = [row[len(row) - count :] for row, count in zip(of_each(result), expected, strict=True)]
    assert (sum(map(len, last)) == sum(row.count(ITEMS) for row in last)) == (where == "end")


def test_what_was_hidden_stays_marked_through_other_augmenters() -> None:
    once = mask_items(histories(), 0.5, generator=generator(0))
    assert torch.equal(crop_chain(once, 0.6, generator=generator(1)).masked,
                       crop_chain(once, 0.6, generator=generator(1)).item == ITEMS)  # fmt: skip
    moved = reorder_chain(once, 1.0, generator=generator(2))
    assert torch.equal(moved.masked, moved.item == ITEMS)
    twice = mask_items(once, 0.5, generator=generator(3))
    assert torch.equal(twice.masked, twice.item == ITEMS)
    assert twice.masked.sum() > once.masked.sum()
    asked = append_mask(once)
    assert asked.masked.sum() == once.masked.sum()  # what is put at the end stands in no item's place


def test_a_mask_at_the_end_leaves_the_oldest_out() -> None:
    before = histories()
    result = append_mask(before, max_len=5)
    assert of_each(result) == [[*list(range(n))[-4:], ITEMS] for n in LENGTHS]
    assert torch.equal(result.time[result.ptr[1:] - 1], before.time[before.ptr[1:] - 1])
    assert of_each(append_mask(before)) == [[*range(n), ITEMS] for n in LENGTHS]
    assert result.too_short == 0
