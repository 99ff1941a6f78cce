from __future__ import annotations

import pytest
import torch

from graphcl.core.errors import NonFiniteError, UserError
from graphcl.tasks.ranking import InnerProduct, iter_top_k, top_k
from graphcl.tasks.ranking.scorers import TILE
from graphcl.tasks.ranking.topk import users_per_block

from .reference import lists, table


def embeddings(users: int, items: int, width: int, seed: int = 0) -> InnerProduct:
    generator = torch.Generator().manual_seed(seed)
    draw = lambda rows: torch.randn(rows, width, generator=generator)  # noqa: E731
    return InnerProduct(draw(users), draw(items))


def test_seen_denied_and_not_allowed_items_are_never_given():
    scorer = table([[5.0, 4.0, 3.0, 2.0, 1.0]] * 2)
    seen = lists([[0], []], 5)
    found = top_k(
        scorer, torch.tensor([0, 1]), 5, num_items=5, seen=seen, allow=torch.tensor([0, 1, 3]), deny=torch.tensor([3])
    )
    assert found.items.tolist() == [[1, -1, -1, -1, -1], [0, 1, -1, -1, -1]]
    assert found.scores[0].tolist() == [4.0] + [-float("inf")] * 4


def test_k_above_the_catalogue_gives_the_catalogue():
    assert top_k(table([[1.0, 3.0, 2.0]]), torch.tensor([0]), 10, num_items=3).items.tolist() == [[1, 2, 0]]


def test_no_users_give_no_rows():
    assert top_k(table([[1.0]]), torch.empty(0, dtype=torch.int64), 3, num_items=1).items.shape == (0, 1)


@pytest.mark.parametrize(("items", "width"), [(7, 3), (300, 64), (17_000, 16), (2_000, 130)])
def test_scores_of_a_user_are_the_same_bits_in_any_company(items, width):
    scorer = embeddings(TILE + 9, items, width)
    users = torch.arange(TILE + 9)
    together = scorer(users)
    assert torch.allclose(together, scorer.users @ scorer.items.T, atol=1e-4)
    for user in (0, 5, TILE - 1, TILE):
        assert torch.equal(scorer(users[user : user + 1])[0], together[user])
    for size in (7, 40, TILE, TILE + 1):
        assert torch.equal(torch.cat([scorer(part) for part in users.split(size)]), together)


@pytest.mark.parametrize("block_bytes", [1, 8 * 900 * 3, 8 * 900 * TILE, 8 * 900 * (TILE + 9), 2**28])
def test_any_block_size_gives_the_same_lists(block_bytes):
    scorer = embeddings(201, 900, 24)
    options = {"num_items": 900, "seen": lists([[u % 900, (7 * u) % 900] for u in range(201)], 900), "seed": 3}
    expected = top_k(scorer, torch.arange(201), 20, **options)
    found = top_k(scorer, torch.arange(201), 20, block_bytes=block_bytes, **options)
    assert torch.equal(found.items, expected.items)
    assert torch.equal(found.scores, expected.scores)


def test_a_users_list_does_not_depend_on_who_else_is_asked_for():
    scorer = embeddings(100, 500, 8)
    alone = top_k(scorer, torch.tensor([42]), 10, num_items=500, seed=1)
    among = top_k(scorer, torch.arange(100), 10, num_items=500, seed=1)
    assert torch.equal(alone.items[0], among.items[42])


@pytest.mark.parametrize("num_items", [1, 1_000, 41_000, 10**6, 10**9])
def test_blocks_keep_to_the_budget_or_hold_one_user(num_items):
    for block_bytes in (1, 2**20, 2**28):
        users = users_per_block(num_items, block_bytes)
        assert users == 1 or users * num_items * 8 <= block_bytes
        assert users < TILE or users % TILE == 0


def test_blocks_are_scored_one_at_a_time():
    asked: list[int] = []

    def scorer(users):
        asked.append(users.numel())
        return torch.zeros(users.numel(), 10)

    blocks = iter_top_k(scorer, torch.arange(10), 2, num_items=10, block_bytes=8 * 10 * 4)
    assert not asked
    next(iter(blocks))
    assert asked == [4]


def test_embeddings_that_cannot_be_scored_are_refused():
    with pytest.raises(UserError, match=r"users \(2, 3\) and items \(4, 5\)"):
        InnerProduct(torch.zeros(2, 3), torch.zeros(4, 5))
    bad = torch.zeros(4, 3)
    bad[2, 1] = float("nan")
    with pytest.raises(NonFiniteError, match="item embeddings"):
        InnerProduct(torch.zeros(2, 3), bad)
