from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from graphcl.core.build import build
from graphcl.core.errors import NonFiniteError, UserError
from graphcl.core.seeds import generator
from graphcl.tasks.recommend import Recommend

from .small_log import interactions, pairs, two_tastes


def tastes(data) -> dict[str, torch.Tensor]:
    """Embeddings that know the two tastes of :func:`two_tastes`."""
    sign = lambda n: 1.0 - 2.0 * (torch.arange(n) % 2)  # noqa: E731
    return {"user": sign(len(data.users)).unsqueeze(1), "item": sign(len(data.items)).unsqueeze(1)}


def test_embeddings_that_know_the_answer_rank_it_first():
    data = two_tastes()
    values = Recommend(k=(2, 4), data=data).evaluate(tastes(data), "test", seed=0)
    # 10 liked items less 6 in train and 1 in validation leave 3, one of which is right; ties are random.
    assert values["recall@4"] == 1.0
    assert values["recall@2"] == pytest.approx(2 / 3, abs=0.2)
    assert set(values) >= {
        f"{m}@{k}" for m in ("recall", "ndcg", "mrr", "hit", "precision", "map", "coverage") for k in (2, 4)
    }


@pytest.mark.parametrize(
    ("options", "valid", "test"),
    [
        ({}, {0}, {0, 1}),
        ({"mask_valid": False}, {0}, {0}),
        ({"mask_seen": False}, set(), set()),
    ],
)
def test_what_is_masked(options, valid, test):
    data = interactions([(0, 0)], [(0, 1)], [(0, 2)], items=5)
    task = Recommend(k=(5,), data=data, **options)
    flat = {"user": torch.zeros(1, 1), "item": torch.zeros(5, 1)}
    for split, left_out in (("valid", valid), ("test", test)):
        ranked = task.rank_embeddings(flat, split, seed=0).items[0].tolist()
        assert {i for i in ranked if i >= 0} == set(range(5)) - left_out
    masked = task.describe()["masked"]
    assert ("train" in masked["test"], "valid" in masked["test"]) == (0 in test, 1 in test)


def test_sampled_metrics_are_among_items_that_the_user_never_had_and_are_marked():
    data = two_tastes()
    full, task = Recommend(k=(4,), data=data), Recommend(k=(4,), mask_seen=False, sampled=5, data=data)
    embeddings = {"user": torch.zeros(len(data.users), 1), "item": torch.zeros(20, 1)}
    found = task.rank_embeddings(embeddings, "test", seed=0).items.tolist()
    for user, items in enumerate(found):
        assert not set(items) & set(full.had("test").items[full.had("test").users == user].tolist())
    assert task.evaluate(tastes(data), "test", seed=0)["recall@4"] == 1.0
    random = task.evaluate(embeddings, "test", seed=0)["recall@4"]
    assert random == pytest.approx(4 / 6, abs=0.15)
    said = "5 uniform negatives a user; sampled metrics: not comparable with full ranking (Krichene & Rendle, KDD 2020)"
    record = task.describe()
    assert said in record["protocol"]
    assert said in record["ranking"]
    assert any(said in note for note in record["notes"])
    assert "protocol" not in full.describe()


def test_users_without_test_items_are_in_no_mean():
    data = interactions([(0, 0), (1, 0), (2, 0)], [], [(1, 1)], items=3)
    task = Recommend(k=(1,), data=data)
    embeddings = {"user": torch.ones(3, 1), "item": torch.tensor([[0.0], [2.0], [1.0]])}
    ranking = task.rank_embeddings(embeddings, "test", seed=0)
    assert ranking.users.tolist() == [1]
    assert ranking.skipped == 2
    assert ranking.metrics()["recall@1"] == 1.0
    assert ranking.per_user()["recall@1"].tolist() == [1.0]


def test_results_do_not_depend_on_the_block_size():
    data = two_tastes(users=150)
    draw = lambda rows: torch.randn(rows, 7, generator=generator(1, rows))  # noqa: E731
    embeddings = {"user": draw(150), "item": draw(20)}
    expected = Recommend(data=data).evaluate(embeddings, "test", seed=4)
    for block_bytes in (1, 8 * 20 * 64, 8 * 20 * 100):
        assert Recommend(data=data, block_bytes=block_bytes).evaluate(embeddings, "test", seed=4) == expected


def test_baselines_learn_the_two_tastes_and_their_settings_come_from_validation():
    data = two_tastes(users=80)
    task = Recommend(
        k=(4,),
        baselines=("popularity", {"itemknn": {"k": [1, 10], "shrink": [0.0]}}, {"ease": {"reg": [5.0, 1e6]}}),
        data=data,
    )
    metrics = task.baselines(seed=0)
    assert set(metrics) == {"popularity", "itemknn", "ease"}
    assert metrics["ease"]["recall@4"] == metrics["itemknn"]["recall@4"] == 1.0
    assert metrics["popularity"]["recall@4"] < 0.6
    record = task.describe()["baselines"]
    assert record["itemknn"]["settings"]["k"] == 10
    # With train masked 4 liked items are left: a random rank of 1 to 4 gives 0.64. Unmasked it would be far less.
    assert record["itemknn"]["valid_ndcg"] > 0.5
    assert record["ease"]["tried"] == 2
    assert task.results["ease"].ranking.per_user()["recall@4"].numel() == 80


def test_without_validation_settings_are_chosen_on_a_tenth_of_train():
    data = two_tastes(users=80).refit()
    task = Recommend(k=(4,), baselines=({"itemknn": {"k": [1, 10], "shrink": [0.0]}},), data=data)
    assert not task.has_validation
    assert task.baselines(seed=0)["itemknn"]["recall@4"] == 1.0
    assert task.results["itemknn"].settings["k"] == 10


def test_what_is_planted_in_test_reaches_neither_graph_nor_batches():
    plants = {(0, 19), (1, 18), (2, 17)}
    data = two_tastes()
    planted = replace(data, held_out=replace(data.held_out, test=pairs(sorted(plants))))
    before, after = Recommend(data=data), Recommend(data=planted)
    forward, backward = ("user", "to", "item"), ("item", "to", "user")
    for edge_type in (forward, backward):
        assert torch.equal(*(task.graphs["graph"][edge_type].edge_index for task in (before, after)))
    edges = after.graphs["graph"][forward].edge_index.tolist()
    assert not plants & set(zip(*edges, strict=True))
    drawn = [
        torch.cat([batch.rows["items_neg"] for batch in task.batches(32, generator=generator(0))])
        for task in (before, after)
    ]
    assert torch.equal(*drawn)


def test_a_baselines_scores_do_not_depend_on_the_test_split():
    """Every baseline is judged on two test splits; the rankings of users in both must be the same."""
    data = two_tastes()
    planted = replace(data, held_out=replace(data.held_out, test=data.held_out.test.take(np.arange(20))))
    for name in ("popularity", "itemknn", "ease"):
        rankings = []
        for version in (data, planted):
            task = Recommend(k=(4,), baselines=(name,), data=version)
            task.baselines(seed=0)
            rankings.append(task.results[name].ranking)
        assert torch.equal(rankings[0].items[:20], rankings[1].items)


def test_slices_are_counted_in_train():
    data = two_tastes()
    rows = Recommend(k=(4,), activity_slices=2, data=data).evaluate_slices(tastes(data), "test", seed=0)
    assert (rows[0].kind, rows[0].name, rows[0].users) == ("user activity", "q2 (6-6)", 40)
    assert {row.kind for row in rows} == {"user activity", "item popularity"}
    assert all(row.metrics["recall@4"] == 1.0 for row in rows)


def test_describe_is_plain_and_says_what_was_clipped_skipped_and_left_out():
    data = interactions([(0, 0), (0, 1), (1, 0)], [], [(1, 1)])
    task = Recommend(k=(5, 1), baselines=({"ease": {"max_items": 1}},), data=data)
    record = task.describe()
    json.dumps(record)
    assert record["k"] == [1, 5]
    notes = " | ".join(record["notes"])
    assert "k=5 is more than the 2 items" in notes
    assert "1 user with every item" in notes
    assert "ease is left out: 2 items are more than max_items=1" in notes
    assert task.baselines(seed=0) == {}


def test_bad_input_is_one_clear_line():
    data = two_tastes()
    with pytest.raises(UserError, match="nearest: 'popularity'"):
        Recommend(baselines=("popularty",), data=data)
    with pytest.raises(UserError, match="at least one cut-off"):
        Recommend(k=(), data=data)
    with pytest.raises(UserError, match="no training interactions"):
        Recommend(data=replace(data, train=pairs([])))
    with pytest.raises(UserError, match="3 user embeddings for 40 users"):
        Recommend(data=data).evaluate({"user": torch.zeros(3, 2), "item": torch.zeros(20, 2)}, "test", seed=0)
    with pytest.raises(UserError, match="no user has an item"):
        Recommend(data=data.refit()).evaluate(tastes(data), "valid", seed=0)
    with pytest.raises(NonFiniteError, match="user embeddings"):
        Recommend(data=data).evaluate(
            {"user": torch.full((40, 2), float("nan")), "item": torch.zeros(20, 2)}, "test", seed=0
        )


def test_it_is_built_from_the_eval_block_of_a_recipe():
    options = {"k": [3], "negatives": "popularity", "baselines": ["popularity", {"ease": {"reg": [1]}}]}
    task = build("task", "recommend", options, data=two_tastes())
    assert task.k == (3,)
    with pytest.raises(UserError, match="option 'k'"):
        build("task", "recommend", {"k": [0]}, data=two_tastes())
