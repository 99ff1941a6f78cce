from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphcl.data.interactions import Pairs
from graphcl.tasks.baselines.base import choose
from graphcl.tasks.baselines.compare import hold_back
from graphcl.tasks.baselines.ease import EASE, solve_ease
from graphcl.tasks.baselines.itemknn import ItemKNN
from graphcl.tasks.baselines.popularity import Popularity

from ..small_log import pairs


@st.composite
def logs(draw):
    users, items = draw(st.integers(1, 6)), draw(st.integers(1, 7))
    rows = draw(st.lists(st.tuples(st.integers(0, users - 1), st.integers(0, items - 1)), min_size=1, max_size=25))
    return rows, users, items


def scores(baseline, log) -> list[tuple[dict, torch.Tensor]]:
    rows, users, items = log
    return [(dict(s), scorer(torch.arange(users))) for s, scorer in baseline.fits(pairs(rows), users, items)]


@given(logs())
def test_popularity_counts_the_users_of_an_item(log):
    rows, users, items = log
    ((_, found),) = scores(Popularity(), log)
    expected = [len({u for u, i in rows if i == item}) for item in range(items)]
    assert found.tolist() == [expected] * users


@given(logs(), st.integers(1, 4), st.sampled_from([0.0, 2.5]))
def test_itemknn_equals_its_formula(log, k, shrink):
    rows, users, items = log
    owners = [{u for u, i in rows if i == item} for item in range(items)]

    def similarity(i: int, j: int) -> float:
        both = len(owners[i] & owners[j])
        return both / (np.sqrt(len(owners[i]) * len(owners[j])) + shrink) if both else 0.0

    ((setting, found),) = scores(ItemKNN((k,), (shrink,)), log)
    assert setting == {"k": k, "shrink": shrink}
    for user in range(users):
        for target in range(items):
            mine = [i for i in range(items) if user in owners[i] and i != target]
            ordered = sorted((similarity(i, target) for i in range(items) if i != target), reverse=True)
            least = ordered[k - 1] if len(ordered) >= k else 0.0
            sure = sum(similarity(i, target) for i in mine if similarity(i, target) > least)
            # Which of several equally near items is among the k is a matter of the tie order.
            edge = sum(similarity(i, target) for i in mine if similarity(i, target) == least)
            assert sure - 1e-5 <= found[user, target] <= sure + edge + 1e-5


def test_itemknn_finds_neighbours_once_for_all_k():
    log = ([(u, i) for u in range(6) for i in range(7) if (u * i) % 3 == 0], 6, 7)
    together = scores(ItemKNN((3, 1), (0.0, 1.0)), log)
    assert [s for s, _ in together] == [
        {"k": 3, "shrink": 0.0}, {"k": 1, "shrink": 0.0}, {"k": 3, "shrink": 1.0}, {"k": 1, "shrink": 1.0}
    ]  # fmt: skip
    for setting, found in together:
        ((_, alone),) = scores(ItemKNN((setting["k"],), (setting["shrink"],)), log)
        assert torch.equal(found, alone)


def test_no_item_is_its_own_neighbour():
    ((_, found),) = scores(ItemKNN((5,), (0.0,)), ([(0, 0), (0, 1), (1, 2)], 2, 3))
    assert found[1].tolist() == [0.0, 0.0, 0.0]


@given(logs(), st.sampled_from([0.5, 10.0]))
def test_ease_minimises_its_loss(log, reg):
    """The gradient of ||X - X B||^2 + reg ||B||^2 is zero off the diagonal."""
    rows, users, items = log
    x = torch.from_numpy(pairs(sorted(set(rows))).csr(users, items).toarray()).double()
    weights = solve_ease(x.T @ x, reg)
    assert torch.equal(weights.diagonal(), torch.zeros(items, dtype=torch.float64))
    gradient = 2 * x.T @ (x @ weights - x) + 2 * reg * weights
    gradient.fill_diagonal_(0.0)
    assert gradient.abs().max() < 1e-9
    ((_, found),) = scores(EASE((reg,)), log)
    assert torch.allclose(found.double(), x @ weights, atol=1e-5)


def test_ease_leaves_the_gram_matrix_as_it_is():
    gram = torch.eye(3) * 2
    solve_ease(gram, 1.0)
    assert torch.equal(gram, torch.eye(3) * 2)


def test_ease_refuses_a_catalogue_that_would_not_fit():
    assert EASE().refusal(10, 20_000) is None
    assert "41,000 items are more than max_items=20,000: it would need about 27 GB" in EASE().refusal(10, 41_000)


@pytest.mark.parametrize("baseline", [Popularity(), ItemKNN((2,), (0.0,)), EASE((1.0,))])
def test_weights_and_repeats_do_not_count(baseline):
    plain = pairs([(0, 0), (0, 1), (1, 1), (1, 2)])
    rows = np.array([0, 1, 1, 2, 3])
    heavy = Pairs(plain.users[rows], plain.items[rows], weight=np.arange(5, dtype=np.float32))
    a, b = (next(iter(baseline.fits(p, 2, 3)))[1](torch.arange(2)) for p in (plain, heavy))
    assert torch.equal(a, b)


@pytest.mark.parametrize("baseline", [Popularity(), ItemKNN((2,), (0.0,)), EASE((1.0,))])
def test_scores_may_be_overwritten_and_rows_do_not_depend_on_each_other(baseline):
    ((_, scorer),) = baseline.fits(pairs([(u, (u * 3 + d) % 11) for u in range(9) for d in range(4)]), 9, 11)
    all_rows = scorer(torch.arange(9))
    kept = all_rows.clone()
    all_rows.fill_(-1.0)
    assert torch.equal(torch.cat([scorer(torch.tensor([u])) for u in range(9)]), kept)


def test_choose_takes_the_best_and_the_first_of_equals():
    candidates = [({"a": n}, lambda users, n=n: torch.tensor([[n]])) for n in (1, 3, 2, 3)]
    best = choose(iter(candidates), lambda scorer: min(2.5, scorer(None).item()))
    assert (best.settings, best.value, best.tried) == ({"a": 3}, 2.5, 4)


def test_hold_back_takes_a_tenth_away():
    train = pairs([(n, n % 7) for n in range(50)])
    rest, held = hold_back(train, seed=1)
    assert (len(rest), len(held)) == (45, 5)
    both = sorted(rest.users.tolist() + held.users.tolist())
    assert both == list(range(50))
    assert hold_back(train, seed=1)[1].users.tolist() == held.users.tolist()
