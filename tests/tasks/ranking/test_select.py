from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphcl.core.errors import NonFiniteError
from graphcl.tasks.ranking.select import GROUP, select_top
from graphcl.tasks.ranking.ties import rank_keys, tie_keys

from .reference import best


def written_out(scores: torch.Tensor, k: int, users: torch.Tensor, seed: int) -> list[list[int]]:
    keys = tie_keys(users, torch.arange(scores.shape[1]), seed).tolist()
    chosen = []
    for row, key in zip(scores.tolist(), keys, strict=True):
        masked = {i for i, value in enumerate(row) if value == -float("inf")}
        top = best(row, k, masked, key.__getitem__)
        chosen.append(top + [-1] * (min(k, len(row)) - len(top)))
    return chosen


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    columns=st.sampled_from([1, 2, 31, 32, 33, 500, 4 * GROUP * 4, 1000]),
    k=st.integers(1, 8),
    levels=st.sampled_from([1, 2, 5, 100, 10**6]),
    masked=st.sampled_from([0.0, 0.3, 0.98, 1.0]),
)
def test_selection_equals_sorting_the_row(seed, columns, k, levels, masked):
    """Few levels make ties, also across the k-th place; many columns take the road of groups."""
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randint(-levels, levels + 1, (5, columns), generator=generator).float() / 7
    scores[torch.rand(5, columns, generator=generator) < masked] = -torch.inf
    users = torch.randint(0, 1000, (5,), generator=generator)
    values, items = select_top(scores.clone(), k, users=users, seed=seed)
    assert items.tolist() == written_out(scores, k, users, seed)
    taken = scores.gather(1, items.clamp(min=0)).masked_fill(items < 0, -torch.inf)
    assert torch.equal(values, taken)


def test_negative_and_positive_zero_are_one_score():
    scores = torch.tensor([[0.0, -0.0, 0.0, -0.0]])
    users = torch.tensor([3])
    keys = tie_keys(users, torch.arange(4), 0)[0]
    _, items = select_top(scores, 4, users=users, seed=0)
    assert items[0].tolist() == keys.argsort(descending=True).tolist()


def test_rank_keys_order_floats_of_either_sign():
    scores = torch.tensor([[-torch.inf, -3e38, -1.5, -1e-40, 0.0, 1e-40, 1.5, 3e38]])
    keys = rank_keys(scores, torch.tensor([7]), torch.arange(8).unsqueeze(0), seed=1)
    assert bool((keys.diff(dim=1) > 0).all())


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("columns", [5, 1000])
def test_a_score_that_is_not_finite_is_refused(bad, columns):
    scores = torch.zeros(2, columns)
    scores[1, columns - 2] = bad
    with pytest.raises(NonFiniteError, match="NaN or infinite"):
        select_top(scores, 3, users=torch.arange(2), seed=0)


def test_tie_keys_differ_for_all_items_of_a_user_and_between_users_and_seeds():
    items = torch.arange(20_000)
    keys = tie_keys(torch.tensor([0, 1]), items, seed=5)
    assert keys.min() >= 0
    assert keys.max() < 2**32
    assert keys[0].unique().numel() == items.numel()
    other = tie_keys(torch.tensor([0]), items, seed=6)[0]
    for one, two in ((keys[0], keys[1]), (keys[0], other)):
        assert abs(torch.corrcoef(torch.stack([one, two]).double())[0, 1].item()) < 0.03


def test_each_item_is_first_among_equals_equally_often():
    first = tie_keys(torch.arange(40_000), torch.arange(10), seed=2).argmax(1).bincount(minlength=10)
    # 4,000 expected, standard deviation 60.
    assert (first - 4000).abs().max() < 300
