from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphcl.tasks.sampling import NegativeSampler, popularity_weights

from .ranking.reference import lists


@st.composite
def catalogues(draw):
    num_items = draw(st.integers(1, 8))
    seen = draw(st.lists(st.lists(st.integers(0, num_items - 1), max_size=10), min_size=1, max_size=5))
    weights = draw(st.lists(st.integers(0, 4), min_size=num_items, max_size=num_items))
    return seen, weights


@given(catalogues())
def test_every_unit_falls_on_an_unseen_item_as_often_as_it_weighs(catalogue):
    """All draws of every user, one by one: exact, not statistical."""
    seen, weights = catalogue
    sampler = NegativeSampler(lists(seen, len(weights)), torch.tensor(weights))
    for user, mine in enumerate(seen):
        left = [0 if item in mine else weight for item, weight in enumerate(weights)]
        assert sampler.mass[user] == sum(left)
        units = torch.arange(sum(left))
        drawn = sampler.locate(torch.full_like(units, user), units)
        assert drawn.bincount(minlength=len(weights)).tolist() == left


@given(catalogues())
def test_uniform_draws_every_unseen_item_once_per_round(catalogue):
    seen, weights = catalogue
    num_items = len(weights)
    sampler = NegativeSampler(lists(seen, num_items))
    for user, mine in enumerate(seen):
        units = torch.arange(int(sampler.mass[user]))
        drawn = sampler.locate(torch.full_like(units, user), units)
        assert sorted(drawn.tolist()) == [item for item in range(num_items) if item not in mine]


@settings(max_examples=30)
@given(catalogues(), st.integers(0, 1000))
def test_samples_are_unseen_and_repeat_under_one_seed(catalogue, seed):
    seen, weights = catalogue
    sampler = NegativeSampler(lists(seen, len(weights)))
    users = (sampler.mass > 0).nonzero().squeeze(1).repeat_interleave(20)
    drawn, again = (sampler.sample(users, generator=torch.Generator().manual_seed(seed)) for _ in range(2))
    assert torch.equal(drawn, again)
    assert all(item not in seen[user] for user, item in zip(users.tolist(), drawn.tolist(), strict=True))


def test_the_global_generator_is_not_touched():
    state = torch.get_rng_state()
    sampler = NegativeSampler(lists([[0]], 3))
    sampler.sample(torch.tensor([0]), generator=torch.Generator().manual_seed(0))
    assert torch.equal(state, torch.get_rng_state())


def test_frequencies_follow_popularity():
    counts = torch.tensor([1000, 100, 10, 0])
    sampler = NegativeSampler(lists([[1]], 4), popularity_weights(counts, 0.5, 1))
    drawn = sampler.sample(torch.zeros(100_000, dtype=torch.int64), generator=torch.Generator().manual_seed(0))
    share = drawn.bincount(minlength=4) / drawn.numel()
    assert share[1] == share[3] == 0
    # 1000^.5 : 10^.5 = 10 : 1; standard deviation 0.001
    assert share[2].item() == pytest.approx(1 / 11, abs=0.005)


def test_popularity_weights_are_exact_to_twelve_digits_and_bounded_for_many_users():
    counts = torch.tensor([3, 0, 1, 10**6])
    weights = popularity_weights(counts, 1.0, 10)
    assert weights[1] == 0
    assert int(weights[0]) / int(weights[2]) == pytest.approx(3.0, rel=1e-5)
    assert int(weights[3]) / int(weights.sum()) == pytest.approx(10**6 / (10**6 + 4), rel=1e-11)
    many = popularity_weights(counts, 1.0, 10**9)
    assert int(many.sum()) * 10**9 < 2**62
    assert bool((many[counts > 0] > 0).all())


def test_power_zero_draws_what_occurs_alike():
    weights = popularity_weights(torch.tensor([5, 0, 500]), 0.0, 10)
    assert weights[0] == weights[2] > 0
    assert weights[1] == 0


def test_no_user_or_no_item_is_not_an_accident():
    assert NegativeSampler(lists([[]], 0)).mass.tolist() == [0]
    sampler = NegativeSampler(lists([[]], 2))
    assert sampler.sample(torch.empty(0, dtype=torch.int64), generator=torch.Generator()).numel() == 0
