"""The best items of users, in blocks: the one road of evaluation, recommendation and export."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from graphcl.tasks.ranking.lists import ItemLists
from graphcl.tasks.ranking.scorers import TILE, ScoreBlock
from graphcl.tasks.ranking.select import select_top

#: Default of the most bytes that a block of scores and the selection from it may take.
BLOCK_BYTES = 256 * 2**20
#: Blocks are not made larger than this: they would leave the processor's cache and be slower.
_FAST_BYTES = 32 * 2**20


@dataclass(frozen=True)
class TopK:
    """Ranked items of some users.

    Attributes:
        users: [b] positions.
        items: [b, min(k, I)] positions, best first; -1 where a user has fewer candidates.
        scores: [b, min(k, I)] float32; -inf where the item is -1.
    """

    users: Tensor
    items: Tensor
    scores: Tensor


def users_per_block(num_items: int, block_bytes: int) -> int:
    """How many users to score at once, at 8 bytes an item: whole tiles where one fits, at least one user."""
    row = 8 * max(num_items, 1)
    fit = min(max(1, block_bytes // row), max(TILE, _FAST_BYTES // row))
    return fit - fit % TILE if fit >= TILE else fit


def iter_top_k(
    score_block: ScoreBlock,
    users: Tensor,
    k: int,
    *,
    num_items: int,
    seen: ItemLists | None = None,
    only: ItemLists | None = None,
    allow: Tensor | None = None,
    deny: Tensor | None = None,
    seed: int = 0,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[TopK]:
    """The ``k`` best items of ``users``, a block of users at a time.

    Memory follows ``block_bytes`` (or one row of scores, if that is more), never users x items, and the
    answer is the same for any ``block_bytes``. Rows in which nearly all items tie take more for a moment,
    about 80 bytes an item.

    Args:
        score_block: users [b] -> scores [b, I].
        users: [n] positions, in the order of the answer.
        k: Items per user.
        num_items: I.
        seen: Items left out per user.
        only: The only items that may be given, per user; None for all.
        allow: Positions of the only items that may be given; None for all.
        deny: Positions of items that are never given.
        seed: Of the order of ties.
        block_bytes: Budget of a block.
    """
    blocked = _blocked(num_items, allow, deny, users.device)
    for block in users.split(users_per_block(num_items, block_bytes)):
        scores = score_block(block).float()
        if only is not None:
            rows, items = only.gather(block)
            places = rows * num_items + items
            kept = scores.view(-1).index_select(0, places)
            scores.fill_(-torch.inf).view(-1).index_copy_(0, places, kept)
        if seen is not None:
            rows, items = seen.gather(block)
            scores.view(-1).index_fill_(0, rows * num_items + items, -torch.inf)
        if blocked is not None:
            scores.index_fill_(1, blocked, -torch.inf)
        values, items = select_top(scores, k, users=block, seed=seed)
        yield TopK(block, items, values)


def top_k(score_block: ScoreBlock, users: Tensor, k: int, *, num_items: int, **options: object) -> TopK:
    """:func:`iter_top_k` with all blocks put together; ``options`` are its options."""
    blocks = list(iter_top_k(score_block, users, k, num_items=num_items, **options))  # type: ignore[arg-type]
    if not blocks:
        empty = torch.empty(0, min(k, num_items), device=users.device)
        return TopK(users, empty.long(), empty)
    return TopK(users, torch.cat([b.items for b in blocks]), torch.cat([b.scores for b in blocks]))


def _blocked(num_items: int, allow: Tensor | None, deny: Tensor | None, device: torch.device) -> Tensor | None:
    """Positions of items that nobody may be given, or None."""
    if allow is None and deny is None:
        return None
    free = torch.full((num_items,), allow is None, device=device)
    if allow is not None:
        free[allow] = True
    if deny is not None:
        free[deny] = False
    return (~free).nonzero().squeeze(1)
