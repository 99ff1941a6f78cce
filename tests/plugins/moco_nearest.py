"""A MoCo-type method for nodes in which the hardest keys count twice, as a user of the package would write it.

He et al., Momentum Contrast, CVPR 2020. The teacher and the queue are the package's own states; only the choice of the
hardest keys, and the noise on them, is new.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

import graphcl
from graphcl.core.options import Address, Count, NonNegative
from graphcl.objective.base import Rows


@torch.no_grad()
def nearest_keys(queries: Tensor, keys: Tensor, k: int, noise: float, *, generator: torch.Generator) -> Tensor:
    """The ``k`` keys of largest cosine to each query, each moved by normal noise, of unit length.

    Args:
        queries: [B, d].
        keys: [M, d]; of fewer than ``k``, all.
        k: how many.
        noise: deviation of the noise in each coordinate.
        generator: source of the noise.

    Returns:
        [B, min(k, M), d].
    """
    count, held = len(queries), min(k, len(keys))
    n = normalize(keys, dim=1)
    found = graphcl.row_extreme(normalize(queries, dim=1), n, held).indices
    picked = n.index_select(0, found.reshape(-1)).view(count, held, keys.shape[1])
    return normalize(picked + noise * torch.randn(picked.shape, generator=generator), dim=2)


@graphcl.register("augmenter", "nearest_keys", example={"keys": "state.queue.keys"}, level="latent")
class NearestKeys(nn.Module):
    """Negatives of each row's own: the hardest keys; see :func:`nearest_keys`."""

    def __init__(self, keys: Address, k: Count = 6, noise: NonNegative = 0.1) -> None:
        """
        Args:
            keys: Address of the keys.
            k: How many of them.
            noise: Deviation of what is added to each coordinate.
        """
        super().__init__()
        self.reads = {"keys": keys}
        self.k, self.noise = k, noise

    def forward(self, latent: Tensor, *, keys: Rows, generator: torch.Generator) -> Tensor:
        """[N, d] -> [N, K, d]."""
        return nearest_keys(latent, keys.values, self.k, self.noise, generator=generator)
