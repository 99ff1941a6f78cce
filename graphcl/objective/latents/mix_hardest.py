"""Negatives of each row's own, mixed in latent space out of the hardest keys."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from graphcl.core.options import Address, Count, Index, Share
from graphcl.core.registry import register
from graphcl.objective.base import Rows
from graphcl.objective.kernels import Csr, row_extreme, unit_rows
from graphcl.objective.pairs import positions_of


@torch.no_grad()
def mix_hardest(
    queries: Tensor,
    keys: Tensor,
    *,
    hardest: int,
    mixed: int,
    with_query: int,
    most_query: float = 0.5,
    own: Tensor | None = None,
    generator: torch.Generator,
) -> Tensor:
    """Synthetic negatives out of each query's hardest keys (MoCHi, Kalantidis et al. 2020, sections 4.1 and 4.2).

    ``mixed`` of them are ``a n_i + (1 - a) n_j`` with a in (0, 1), and ``with_query`` are ``b q + (1 - b) n_j`` with
    b in (0, ``most_query``), where n_i and n_j are drawn among the ``hardest`` keys of largest cosine to the query.

    Args:
        queries: [B, d].
        keys: [M, d]; fewer than ``hardest`` are all used, and without any there is nothing to mix.
        hardest: Number of keys to draw from.
        mixed: Negatives made of two keys.
        with_query: Negatives made of the query and a key.
        most_query: Largest share of the query in these.
        own: [B], the key that is a query's positive and therefore not mixed (-1: none).
        generator: Source of the draws.

    Returns:
        [B, mixed + with_query, d] of unit rows without gradient, or [B, 0, d] where there is no key to mix.
    """
    count, held = len(queries), min(hardest, len(keys) - (own is not None))
    if held <= 0 or not count:
        return queries.new_zeros(count, 0, queries.shape[1])
    q, n = unit_rows(queries), unit_rows(keys)
    found = row_extreme(q, n, held, mask=None if own is None else _one_or_none(own)).indices

    def draw(number: int) -> Tensor:
        pick = torch.randint(held, (count, number), generator=generator, device=generator.device).to(found.device)
        return n.index_select(0, found.gather(1, pick).view(-1)).view(count, number, n.shape[1])

    def share(number: int) -> Tensor:
        return torch.rand(count, number, 1, generator=generator, device=generator.device).to(q)

    a, b = share(mixed), share(with_query) * most_query
    of_keys = a * draw(mixed) + (1 - a) * draw(mixed)
    of_query = b * q[:, None] + (1 - b) * draw(with_query)
    return unit_rows(torch.cat([of_keys, of_query], dim=1)).to(queries.dtype)


def _one_or_none(column: Tensor) -> Csr:
    """Row ``i`` has the column ``column[i]``, or none where that is -1."""
    there = column >= 0
    indptr = torch.cat([there.new_zeros(1, dtype=torch.int64), there.long().cumsum(0)])
    return Csr(indptr, column[there])


@register("augmenter", "mix_hardest", example={"keys": "state.queue.keys"}, level="latent")
class MixHardest(nn.Module):
    """Negatives of each row's own, mixed of the hardest keys; see :func:`mix_hardest`.

    They are the ``own_negatives`` of ``info_nce``. Keys of a queue have no ids; of keys that have (all nodes of a
    teacher's view), a row does not mix the one of its own node.
    """

    #: the engine says which node each row is
    wants_ids: ClassVar[bool] = True

    def __init__(
        self,
        keys: Address,
        hardest: Count = 1024,
        mixed: Index = 1024,
        with_query: Index = 128,
        most_query: Share = 0.5,
    ) -> None:
        """
        Args:
            keys: Address of the keys to mix.
            hardest: Number of keys that are drawn from.
            mixed: Negatives made of two keys.
            with_query: Negatives made of the row and a key.
            most_query: Largest share of the row in these.
        """
        super().__init__()
        self.reads = {"keys": keys}
        self.options: dict[str, Any] = {
            "hardest": hardest, "mixed": mixed, "with_query": with_query, "most_query": most_query,
        }  # fmt: skip

    def forward(
        self, latent: Tensor, *, keys: Rows, generator: torch.Generator, ids: Tensor | None = None
    ) -> Tensor:
        """[N, d] -> [N, K, d]; ``ids`` [N] are the nodes that the rows are."""
        own = None if keys.ids is None or ids is None else positions_of(ids, keys.ids)
        return mix_hardest(latent, keys.values, **self.options, own=own, generator=generator)
