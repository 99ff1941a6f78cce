"""A MoCo-type method for nodes with mixed hard negatives (MoCHi), as a user of the package would write it.

He et al., Momentum Contrast, CVPR 2020; Kalantidis et al., Hard Negative Mixing for Contrastive Learning, NeurIPS 2020.
The teacher and the queue are the package's own states; only the mixing is new.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

import graphcl
from graphcl.core.options import Address, Count, Index
from graphcl.objective.base import Rows


@torch.no_grad()
def mix_hardest(
    queries: Tensor, keys: Tensor, *, hardest: int, mixed: int, with_query: int, generator: torch.Generator
) -> Tensor:
    """Synthetic negatives out of each query's hardest keys (Kalantidis et al. 2020, section 4.1 and 4.2).

    ``mixed`` of them are ``a n_i + (1 - a) n_j`` with a in (0, 1), and ``with_query`` are ``b q + (1 - b) n_j`` with
    b in (0, 0.5), where n_i and n_j are drawn among the query's ``hardest`` keys; all of unit length.

    Args:
        queries: [B, d].
        keys: [M, d]; fewer than ``hardest`` are all used, and without any there is nothing to mix.
        hardest: number of keys to draw from.
        mixed: negatives made of two keys.
        with_query: negatives made of the query and a key.
        generator: source of the draws.

    Returns:
        [B, mixed + with_query, d], or [B, 0, d] without keys.
    """
    count, held = len(queries), min(hardest, len(keys))
    if held == 0:
        return queries.new_zeros(count, 0, queries.shape[1])
    q, n = normalize(queries, dim=1), normalize(keys, dim=1)
    found = graphcl.row_extreme(q, n, held).indices

    def draw(number: int) -> Tensor:
        pick = torch.randint(held, (count, number), generator=generator)
        return n.index_select(0, found.gather(1, pick).view(-1)).view(count, number, n.shape[1])

    def share(number: int) -> Tensor:
        return torch.rand(count, number, 1, generator=generator)

    a, b = share(mixed), share(with_query) / 2
    of_keys = a * draw(mixed) + (1 - a) * draw(mixed)
    of_query = b * q[:, None] + (1 - b) * draw(with_query)
    return normalize(torch.cat([of_keys, of_query], dim=1), dim=2)


@graphcl.register("augmenter", "mix_hardest", example={"keys": "state.queue.keys"}, level="latent")
class MixHardest(nn.Module):
    """Negatives of each row's own, mixed of the hardest keys; see :func:`mix_hardest`."""

    def __init__(self, keys: Address, hardest: Count = 16, mixed: Index = 4, with_query: Index = 2) -> None:
        """
        Args:
            keys: Address of the keys to mix.
            hardest: Number of keys that are drawn from.
            mixed: Negatives made of two keys.
            with_query: Negatives made of the row and a key.
        """
        super().__init__()
        self.reads = {"keys": keys}
        self.options = {"hardest": hardest, "mixed": mixed, "with_query": with_query}

    def forward(self, latent: Tensor, *, keys: Rows, generator: torch.Generator) -> Tensor:
        """[N, d] -> [N, K, d]."""
        return mix_hardest(latent, keys.values, **self.options, generator=generator)
