"""What gives scores: any callable from user positions to a block, and the inner product."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from graphcl.core.errors import NonFiniteError, UserError

#: users [b] -> scores [b, I], a fresh float tensor that the caller may overwrite. A row must not depend
#: on the other rows of the call.
ScoreBlock = Callable[[Tensor], Tensor]

#: Users per matrix product.
TILE = 64
#: Items per matrix product.
SPAN = 16_384


class InnerProduct:
    """``scores[u, i] = <user_u, item_i>``, every product of the same shape.

    A matrix product's rounding depends on its shape. Here users come in tiles of :data:`TILE` rows, filled
    up with zeros, against spans of :data:`SPAN` items, so that a user's scores are the same bits for any
    number of users asked for at once; the tile also stays in the processor's cache.
    """

    def __init__(self, users: Tensor, items: Tensor) -> None:
        """
        Args:
            users: [U, d].
            items: [I, d].

        Raises:
            UserError: the widths differ.
            NonFiniteError: a value is NaN or infinite.
        """
        if users.ndim != 2 or items.ndim != 2 or users.shape[1] != items.shape[1]:
            raise UserError(
                f"embeddings of users {tuple(users.shape)} and items {tuple(items.shape)} have no inner product; "
                "both must be [rows, width] of one width"
            )
        for name, values in (("user", users), ("item", items)):
            if not bool(torch.isfinite(values).all()):
                raise NonFiniteError(f"{name} embeddings hold NaN or infinite values")
        self.users, self.items = users.detach().float(), items.detach().float()

    def __call__(self, users: Tensor) -> Tensor:
        """[b] -> [b, I] float32."""
        scores = self.users.new_empty(users.numel(), self.items.shape[0])
        for start in range(0, users.numel(), TILE):
            rows = self.users.index_select(0, users[start : start + TILE])
            self._score_tile(rows, scores[start : start + TILE])
        return scores

    def _score_tile(self, rows: Tensor, out: Tensor) -> None:
        count = rows.shape[0]
        rows = torch.nn.functional.pad(rows, (0, 0, 0, TILE - count))
        for start in range(0, self.items.shape[0], SPAN):
            span = self.items[start : start + SPAN].T
            if count == TILE:
                torch.matmul(rows, span, out=out[:, start : start + SPAN])
            else:
                out[:, start : start + SPAN] = torch.matmul(rows, span)[:count]
