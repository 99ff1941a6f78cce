"""Batches in which no two examples of one class meet."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphcl.core.seeds import generator
from graphcl.data.images.image_set import ImagesData
from graphcl.tasks.graph import GraphTask
from graphcl.tasks.partition import class_of, deal_apart, partition, waiting


@settings(max_examples=60, deadline=None)
@given(
    classes=st.lists(st.integers(-1, 6), min_size=1, max_size=40), size=st.integers(1, 12), seed=st.integers(0, 2**32)
)
def test_no_two_of_a_class_meet_and_only_the_surplus_waits(classes: list[int], size: int, seed: int) -> None:
    ids, table = torch.arange(100, 100 + len(classes)), torch.tensor([-1] * 100 + classes)
    batches = partition(ids, size, generator=generator(seed), classes=table)
    number = -(-len(ids) // size)
    assert len(batches) == number
    seen = torch.cat(batches).tolist()
    assert len(set(seen)) == len(seen)
    assert set(seen) <= set(ids.tolist())
    for batch in batches:
        known = table[batch][table[batch] >= 0].tolist()
        assert len(set(known)) == len(known)
    lengths = [len(batch) for batch in batches]
    assert max(lengths) - min(lengths) <= 1
    assert 1 <= min(lengths) <= max(lengths) <= size
    kept = sum(min(classes.count(c), number) for c in set(classes) - {-1}) + classes.count(-1)
    assert len(seen) == kept == len(ids) - waiting(ids, table, number)


def test_without_a_table_it_is_a_random_partition() -> None:
    ids = torch.arange(10, 17)
    expected = ids[torch.randperm(7, generator=generator(3))].split(3)
    for classes in (None, torch.zeros(0, dtype=torch.int64)):
        found = partition(ids, 3, generator=generator(3), classes=classes)
        assert [batch.tolist() for batch in found] == [batch.tolist() for batch in expected]
    assert class_of(torch.tensor([9]), torch.tensor([4])).tolist() == [-1]


def test_who_waits_and_who_meets_is_drawn_anew() -> None:
    """Of a class of four and two batches, each has an even chance to be dealt, and each pair of others to meet."""
    ids, classes = torch.arange(8), torch.tensor([0, 0, 0, 0, 1, 2, 3, 4])
    times, met = torch.zeros(8), 0
    for seed in range(400):
        batches = deal_apart(ids, classes, 2, generator=generator(seed))
        times[torch.cat(batches)] += 1
        met += any({4, 5} <= set(batch.tolist()) for batch in batches)
    assert times[4:].tolist() == [400] * 4
    assert bool(((times[:4] - 200).abs() < 45).all())
    assert 80 < met < 190  # a third


@pytest.mark.parametrize("start", [0, 2])
def test_a_task_deals_its_examples_by_the_table(start: int) -> None:
    data = ImagesData(limit=120).load(seed=0)
    task, table = GraphTask(data=data, folds=3), torch.arange(120) % 15
    whole = list(task.batches(10, generator=generator(0), classes=table))
    batches = list(task.batches(10, generator=generator(0), start=start, classes=table))
    assert [batch.ids.tolist() for batch in batches] == [batch.ids.tolist() for batch in whole][start:]
    assert len(whole) == task.num_batches(10) == 12
    assert torch.cat([batch.ids for batch in whole]).sort().values.tolist() == list(range(120))
    assert all(len(table[batch.ids].unique()) == len(batch.ids) for batch in whole)
