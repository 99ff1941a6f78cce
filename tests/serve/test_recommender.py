from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from graphcl.core.errors import UserError
from graphcl.serve.recommender import Recommender
from graphcl.tasks.ranking import InnerProduct


def test_leaves_out_train_and_validation_as_the_evaluation_does(recommender: Recommender) -> None:
    (found,) = recommender.recommend(["ann"], k=5)
    assert (found.user, found.items, found.by) == ("ann", ["i3", "i4"], "model")
    assert found.scores == pytest.approx([0.6, 0.5])


@pytest.mark.parametrize(("seen", "items"), [("all", ["i4"]), ("none", ["i0", "i1", "i2", "i3", "i4"])])
def test_seen_chooses_what_is_left_out(recommender: Recommender, seen: str, items: list[str]) -> None:
    assert recommender.recommend("ann", k=5, seen=seen)[0].items == items  # type: ignore[arg-type]


def test_lists_are_those_of_the_evaluation(recommender: Recommender) -> None:
    ranking = recommender._task.rank_embeddings(recommender.embeddings, "test", seed=0)
    for user, items in zip(ranking.users.tolist(), ranking.items.tolist(), strict=True):
        name = recommender.users.values[user]
        expected = [recommender.items.values[item] for item in items if item >= 0]
        assert recommender.recommend([name], k=2)[0].items == expected


def test_answers_keep_the_order_of_the_question(recommender: Recommender) -> None:
    found = recommender.recommend(["eve", "nobody", "ann", "eve"], k=1, fallback="popularity")
    assert [(f.user, f.items[0], f.by) for f in found] == [
        ("eve", "i2", "model"),
        ("nobody", "i0", "popularity"),
        ("ann", "i3", "model"),
        ("eve", "i2", "model"),
    ]


def test_unknown_users_are_named_with_what_to_do(recommender: Recommender) -> None:
    with pytest.raises(UserError, match=r"2 of 3 users \('x', 'y'\) are unknown .*--history.*--fallback popularity"):
        recommender.recommend(["ann", "x", "y"])


def test_fallback_serves_users_without_anything_in_train(recommender: Recommender) -> None:
    assert recommender.untrained(["ann", "fay", "nobody"]) == ["fay", "nobody"]
    (found,) = recommender.recommend(["fay"], k=2, fallback="popularity")
    assert (found.items, found.by) == (["i0", "i1"], "popularity")
    assert found.scores == [3.0, 2.0]


def test_allow_and_deny(recommender: Recommender) -> None:
    assert recommender.recommend(["bob"], k=9, allow=["i1", "i3", "i4"], deny=["i4"])[0].items == ["i3", "i1"]
    with pytest.raises(UserError, match="item 'i9' is unknown"):
        recommender.recommend(["bob"], allow=["i9"])


def test_k_is_clipped_to_the_catalogue_and_must_be_positive(recommender: Recommender) -> None:
    assert len(recommender.recommend(["bob"], k=10**6)[0].items) == 4
    with pytest.raises(UserError, match="k must be at least 1, got 0"):
        recommender.recommend(["bob"], k=0)


def test_all_users_in_blocks_equal_one_by_one(recommender: Recommender) -> None:
    blocks = list(recommender.recommend_all(k=3))
    together = {
        recommender.users.values[user]: [recommender.items.values[i] for i in items if i >= 0]
        for block in blocks
        for user, items in zip(block.users.tolist(), block.items.tolist(), strict=True)
    }
    assert together == {f.user: f.items for f in recommender.recommend(list(recommender.users.values), k=3)}


def test_history_folds_in_and_leaves_the_history_out(recommender: Recommender) -> None:
    found = recommender.recommend_history(["i0", "i2", "i0"], k=5, user="zoe")
    assert (found.user, found.by) == ("zoe", "history")
    assert set(found.items) == {"i1", "i3", "i4"}
    assert "i0" in recommender.recommend_history(["i0"], k=5, with_seen=True).items
    # d = 3 + 1 and 1 + 1, |H| = 2
    expected = torch.tensor([1 / (2 * 4) ** 0.5, 0, 1 / (2 * 2) ** 0.5, 0, 0])
    torch.testing.assert_close(recommender.embed_history(["i0", "i2"]), expected)


def test_empty_or_unknown_history_is_refused(recommender: Recommender) -> None:
    with pytest.raises(UserError, match="history is empty"):
        recommender.recommend_history([])
    with pytest.raises(UserError, match=r"1 of 2 items \('zz'\) is unknown"):
        recommender.recommend_history(["i0", "zz"])


def test_similar_is_by_cosine_and_leaves_out_itself(recommender: Recommender) -> None:
    rows = torch.nn.functional.normalize(recommender.embeddings["user"], dim=1)
    cosines = rows @ rows[3]
    found = recommender.similar("user", "dee", k=10)
    assert found.ids == [recommender.users.values[i] for i in cosines.argsort(descending=True).tolist() if i != 3]
    assert found.cosines == pytest.approx(sorted(cosines[torch.arange(6) != 3].tolist(), reverse=True))
    assert "i0" not in recommender.similar("item", "i0", k=2).ids


def test_score_is_the_inner_product_that_ranks(recommender: Recommender) -> None:
    scores = recommender.score(["ann", "eve", "ann"], ["i4", "i1", "i0"])
    torch.testing.assert_close(scores, torch.tensor([0.5, 0.9, 0.9]))
    full = InnerProduct(recommender.embeddings["user"], recommender.embeddings["item"])(torch.arange(6))
    users, items = torch.cartesian_prod(torch.arange(6), torch.arange(5)).T
    torch.testing.assert_close(recommender.score_positions(users, items), full.flatten())


def test_names_of_items(recommender: Recommender) -> None:
    assert recommender.item_names(["i4", "i3", "i0"]) == ["four", "", "zero"]


def test_another_task_is_refused() -> None:
    run = SimpleNamespace(task=object(), folder=SimpleNamespace(path="r"), recipe={"task": "node"})
    with pytest.raises(UserError, match="r is a run of task node; this needs task recommend or sequence"):
        Recommender(run)  # type: ignore[arg-type]
