"""ItemKNN: items that the same users have (Deshpande and Karypis, TOIS 2004)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcl.core.options import Count, NonNegative
from graphcl.core.registry import register
from graphcl.data.interactions import Pairs
from graphcl.tasks.baselines.base import Settings, binary_matrix, rows_of
from graphcl.tasks.ranking import BLOCK_BYTES, ScoreBlock
from graphcl.tasks.ranking.select import select_top
from graphcl.tasks.ranking.topk import users_per_block


@register("baseline", "itemknn", example={"k": [2], "shrink": [0.0]}, tasks=("recommend",))
class ItemKNN:
    """``score(u, j)`` = sum of ``sim(i, j)`` over the items i of u that are among the k nearest of j.

    ``sim(i, j) = n_ij / (sqrt(n_i n_j) + shrink)`` with n_i users of item i and n_ij users of both: cosine,
    shrunk towards 0 for items with few users.
    """

    def __init__(
        self,
        k: tuple[Count, ...] = (100, 20, 50, 200, 400),
        shrink: tuple[NonNegative, ...] = (0.0, 10.0, 100.0),
    ) -> None:
        """
        Args:
            k: Numbers of neighbours to choose from.
            shrink: Shrinkage terms to choose from.
        """
        self.k, self.shrink = k, shrink

    def refusal(self, num_users: int, num_items: int) -> str | None:
        """Never refuses: memory is items x largest k."""
        return None

    def fits(self, train: Pairs, num_users: int, num_items: int) -> Iterator[tuple[Settings, ScoreBlock]]:
        """Every k for every shrink; the neighbours are found once per shrink."""
        matrix = binary_matrix(train, num_users, num_items)
        for shrink in self.shrink:
            similarity, neighbours = nearest_items(matrix, max(self.k), shrink)
            for k in self.k:
                yield {"k": k, "shrink": shrink}, _scorer(matrix, similarity[:, :k], neighbours[:, :k])


def nearest_items(matrix: sp.csr_matrix, k: int, shrink: float) -> tuple[Tensor, Tensor]:
    """The ``k`` most similar other items of every item.

    Args:
        matrix: [U, I] of zeros and ones.
        k: Neighbours, at most I.
        shrink: Added to the denominator of the cosine.

    Returns:
        similarities and positions, both [I, min(k, I)], nearest first; 0 and -1 where an item has fewer
        items that share a user with it.
    """
    items = matrix.T.tocsr()
    norm = np.sqrt(np.asarray(matrix.sum(axis=0)).ravel())
    similarities, neighbours = [], []
    rows = users_per_block(items.shape[0], BLOCK_BYTES)
    for start in range(0, items.shape[0], rows):
        both = (items[start : start + rows] @ matrix).toarray()
        own = np.arange(start, start + both.shape[0])
        both[np.arange(both.shape[0]), own] = 0.0
        both /= np.maximum(norm[own, None] * norm[None, :] + shrink, 1e-12)
        both[both == 0.0] = -np.inf
        values, places = select_top(torch.from_numpy(both), k, users=torch.from_numpy(own), seed=0)
        similarities.append(values.clamp_(min=0.0))
        neighbours.append(places.int())
    return torch.cat(similarities), torch.cat(neighbours)


def _scorer(matrix: sp.csr_matrix, similarity: Tensor, neighbours: Tensor) -> ScoreBlock:
    near = (neighbours >= 0).numpy()
    target = np.broadcast_to(np.arange(near.shape[0])[:, None], near.shape)
    entries = similarity.numpy()[near], (neighbours.numpy()[near], target[near])
    weights = sp.csr_matrix(entries, shape=(near.shape[0], near.shape[0]), dtype=np.float32)

    def score_block(users: Tensor) -> Tensor:
        return torch.from_numpy((rows_of(matrix, users) @ weights).toarray())

    return score_block
