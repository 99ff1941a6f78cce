from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphcl.core.seeds import generator
from graphcl.tasks.base import Batch
from graphcl.tasks.pair_batches import PairBatches
from graphcl.tasks.ranking import ItemLists

from .small_log import interactions, two_tastes


def batches_of(data, **options) -> PairBatches:
    users, items = torch.from_numpy(data.train.users), torch.from_numpy(data.train.items)
    lists = ItemLists.from_pairs(users, items, len(data.users), len(data.items))
    return PairBatches(data.train, lists, **options)


def flat(batch: Batch) -> list[torch.Tensor]:
    rows = [v if isinstance(v, torch.Tensor) else torch.cat(list(v.values())) for v in batch.rows.values()]
    return [batch.ids, *rows]


def same(one: Batch, two: Batch) -> bool:
    return all(torch.equal(a, b) for a, b in zip(flat(one), flat(two), strict=True))


@settings(max_examples=25)
@given(size=st.integers(0, 300), seed=st.integers(0, 99), per_pair=st.integers(1, 3))
def test_an_epoch_visits_every_pair_and_its_negatives_are_unseen(size, seed, per_pair):
    data = two_tastes()
    sampler = batches_of(data, per_pair=per_pair)
    epoch = list(sampler.epoch(size, generator=generator(seed)))
    assert len(epoch) == sampler.count(size)
    ids = torch.cat([batch.ids for batch in epoch])
    assert torch.equal(ids.bincount(), torch.full((len(data.train),), per_pair))
    seen = set(zip(data.train.users.tolist(), data.train.items.tolist(), strict=True))
    for batch in epoch:
        users, positives, negatives = (batch.rows[name].tolist() for name in ("users", "items_pos", "items_neg"))
        assert list(zip(users, positives, strict=True)) == [
            (data.train.users[i], data.train.items[i]) for i in batch.ids.tolist()
        ]
        assert not seen & set(zip(users, negatives, strict=True))
        assert batch.targets == len(users)


@pytest.mark.parametrize("start", [0, 1, 3, 7, 8])
def test_entering_an_epoch_late_gives_the_same_batches(start):
    sampler = batches_of(two_tastes(), negatives="popularity")
    whole = list(sampler.epoch(30, generator=generator(3)))
    used = generator(3)
    torch.rand(5, generator=used)  # how far the generator has run plays no part
    late = list(sampler.epoch(30, generator=used, start=start))
    assert len(late) == len(whole) - start
    assert all(same(one, two) for one, two in zip(whole[start:], late, strict=True))


def test_epochs_differ():
    sampler = batches_of(two_tastes())
    one, two = (next(iter(sampler.epoch(0, generator=generator(seed)))) for seed in (0, 1))
    assert not torch.equal(one.ids, two.ids)
    order_one, order_two = one.ids.argsort(), two.ids.argsort()
    assert not torch.equal(one.rows["items_neg"][order_one], two.rows["items_neg"][order_two])


def test_row_sets_of_both_types():
    sampler = batches_of(interactions([(0, 1), (0, 2), (1, 1)], items=4))
    (batch,) = sampler.epoch(0, generator=generator(0))
    rows = batch.rows
    assert rows["batch"]["user"].tolist() == rows["users"].tolist()
    assert rows["batch"]["item"].tolist() == rows["items_pos"].tolist() + rows["items_neg"].tolist()
    assert rows["positives"]["item"].tolist() == rows["items_pos"].tolist()
    assert rows["unique"]["user"].tolist() == [0, 1]
    assert rows["unique"]["item"].tolist() == [1, 2]


def test_users_who_have_everything_are_skipped_and_counted():
    sampler = batches_of(interactions([(0, 0), (0, 1), (1, 0)], users=3))
    assert sampler.skipped_users == 1
    (batch,) = sampler.epoch(10, generator=generator(0))
    assert batch.ids.tolist() == [2]
    assert batch.rows["items_neg"].tolist() == [1]


def test_nobody_left_to_train_on_gives_no_batch():
    sampler = batches_of(interactions([(0, 0), (0, 1)]))
    assert sampler.count(10) == 0
    assert list(sampler.epoch(10, generator=generator(0))) == []


@settings(max_examples=25)
@given(size=st.integers(0, 30), seed=st.integers(0, 99), per_user=st.integers(1, 9))
def test_batches_of_users_hold_so_many_pairs_of_each_once(size, seed, per_user):
    data = two_tastes()
    sampler = batches_of(data, per_user=per_user)
    epoch = list(sampler.epoch(size, generator=generator(seed)))
    assert len(epoch) == sampler.count(size)
    assert all(len(batch.rows["users"].unique()) <= (size or len(data.users)) for batch in epoch)
    ids = torch.cat([batch.ids for batch in epoch])
    assert len(ids.unique()) == len(ids)
    drawn = torch.from_numpy(data.train.users)[ids].bincount(minlength=len(data.users))
    every = torch.from_numpy(data.train.users).bincount(minlength=len(data.users))
    assert torch.equal(drawn, every.clamp(max=per_user))


def test_each_pair_of_a_user_is_drawn_as_often():
    sampler = batches_of(interactions([(0, item) for item in range(6)] + [(1, 7)], items=9), per_user=2)
    drawn = torch.cat([batch.ids for seed in range(600) for batch in sampler.epoch(1, generator=generator(seed))])
    counts = drawn.bincount(minlength=7)
    assert int(counts[6]) == 600
    assert int(counts[:6].min()) > 150  # expected 200, standard deviation 12
    assert int(counts[:6].max()) < 250
