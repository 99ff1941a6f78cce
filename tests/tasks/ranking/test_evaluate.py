from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphcl.core.errors import UserError
from graphcl.tasks.ranking import InnerProduct, coverage, rank_users, ranking_metrics
from graphcl.tasks.ranking.ties import tie_keys

from .reference import best, lists, metrics, table

KS = (1, 3, 5, 12)


@st.composite
def worlds(draw):
    """Scores with ties, seen and positive items (disjoint), some users without either."""
    num_items = draw(st.integers(1, 9))
    num_users = draw(st.integers(1, 5))
    score = st.sampled_from([-1.0, 0.0, 0.5, 2.0])
    scores = draw(
        st.lists(st.lists(score, min_size=num_items, max_size=num_items), min_size=num_users, max_size=num_users)
    )
    state = st.lists(st.sampled_from(["seen", "positive", "other"]), min_size=num_items, max_size=num_items)
    states = [draw(state) for _ in range(num_users)]
    pick = lambda name: [[i for i, s in enumerate(row) if s == name] for row in states]  # noqa: E731
    return scores, pick("seen"), pick("positive"), num_items


@settings(max_examples=150)
@given(worlds(), st.integers(0, 5))
def test_metrics_equal_their_definitions(world, seed):
    scores, seen, positives, num_items = world
    if not any(positives):
        with pytest.raises(UserError, match="no user has an item"):
            rank_users(table(scores), lists(positives, num_items), KS)
        return
    ranking = rank_users(table(scores), lists(positives, num_items), KS, seen=lists(seen, num_items), seed=seed)
    keys = tie_keys(torch.arange(len(scores)), torch.arange(num_items), seed).tolist()
    expected: dict[str, list[float]] = {}
    given_items: set[int] = set()
    for user, wanted in enumerate(positives):
        if wanted:
            ranked = best(scores[user], max(KS), set(seen[user]), keys[user].__getitem__)
            given_items |= set(ranked[:5])
            for k in KS:
                for name, value in metrics(ranked, set(wanted), k).items():
                    expected.setdefault(name, []).append(value)
    per_user = ranking.per_user()
    assert set(per_user) == set(expected)
    for name, values in expected.items():
        assert per_user[name].tolist() == pytest.approx(values, abs=1e-12)
        assert ranking.metrics()[name] == pytest.approx(sum(values) / len(values), abs=1e-12)
    assert ranking.metrics()["coverage@5"] == pytest.approx(len(given_items) / num_items)
    assert ranking.skipped == sum(1 for row in positives if not row)


@settings(max_examples=100)
@given(worlds())
def test_every_metric_is_a_fraction_and_recall_grows_with_k(world):
    scores, seen, positives, num_items = world
    if any(positives):
        values = rank_users(table(scores), lists(positives, num_items), KS, seen=lists(seen, num_items)).metrics()
        assert all(0.0 <= value <= 1.0 for value in values.values())
        for name in ("recall", "hit", "mrr", "coverage"):
            column = [values[f"{name}@{k}"] for k in KS]
            assert column == sorted(column)


def test_hand_worked_values():
    """Hits at ranks 2 and 4 of four positives."""
    hits = torch.tensor([[False, True, False, True, False]])
    values = {name: v.item() for name, v in ranking_metrics(hits, torch.tensor([4]), (3, 5)).items()}
    assert values["recall@5"] == 0.5
    assert values["precision@3"] == pytest.approx(1 / 3)
    assert values["mrr@3"] == 0.5
    assert values["map@5"] == pytest.approx((1 / 2 + 2 / 4) / 4)
    assert values["map@3"] == pytest.approx((1 / 2) / 3)
    assert values["ndcg@5"] == pytest.approx((0.63093 + 0.43068) / (1 + 0.63093 + 0.5 + 0.43068), abs=1e-5)


def test_one_relevant_item_each_never_gives_a_precision_above_a_tenth():
    """RecBole issue 1107: a count of positives left in the hit matrix made column K + 1 a sure hit."""
    hits = torch.ones(100, 1, dtype=torch.bool)
    values = ranking_metrics(hits, torch.ones(100, dtype=torch.int64), (10,))
    assert values["precision@10"].max() == pytest.approx(0.1)


@pytest.mark.parametrize("popular_first", [True, False])
def test_a_constant_scorer_gets_the_metrics_of_a_random_ranking(popular_first):
    """All users want the same ten items, which lie first (or last) in the catalogue."""
    users, items, k = 4000, 200, 20
    wanted = list(range(10)) if popular_first else list(range(190, 200))
    positives = lists([wanted] * users, items)
    values = rank_users(lambda u: torch.zeros(u.numel(), items), positives, (k,)).metrics()
    # Hypergeometric: recall has mean k / items = 0.1 and standard deviation 0.093 / sqrt(4000) = 0.0015.
    assert values[f"recall@{k}"] == pytest.approx(k / items, abs=0.006)
    assert values[f"coverage@{k}"] == 1.0


def test_a_scorer_of_zero_rows_cannot_gain_from_the_catalogues_order():
    """Cold users (zero embedding) tie on every item."""
    ranking = rank_users(InnerProduct(torch.zeros(500, 4), torch.ones(100, 4)), lists([[0]] * 500, 100), (10,))
    assert ranking.metrics()["recall@10"] == pytest.approx(0.1, abs=0.05)


def test_the_mean_is_over_users_not_over_blocks():
    generator = torch.Generator().manual_seed(0)
    scorer = InnerProduct(torch.randn(150, 8, generator=generator), torch.randn(60, 8, generator=generator))
    positives = lists([[u % 60] if u % 3 else [] for u in range(150)], 60)
    expected = rank_users(scorer, positives, (5,)).metrics()
    for block_bytes in (1, 8 * 60 * 7, 8 * 60 * 64):
        assert rank_users(scorer, positives, (5,), block_bytes=block_bytes).metrics() == expected


def test_a_seen_item_is_masked_even_where_it_is_a_positive():
    ranking = rank_users(table([[2.0, 1.0]]), lists([[0]], 2), (2,), seen=lists([[0]], 2))
    assert ranking.items.tolist() == [[1, -1]]
    assert ranking.metrics()["recall@2"] == 0.0


def test_coverage_counts_each_item_once_and_no_padding():
    assert coverage(torch.tensor([[0, 1], [0, -1]]), 4, (1, 2)) == {"coverage@1": 0.25, "coverage@2": 0.5}
