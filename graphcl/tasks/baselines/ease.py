"""EASE: the linear item-to-item model with a closed form (Steck, WWW 2019)."""

from __future__ import annotations

from collections.abc import Iterator

import scipy.sparse as sp
import torch
from torch import Tensor

from graphcl.core.options import Count, Positive
from graphcl.core.registry import register
from graphcl.data.interactions import Pairs
from graphcl.tasks.baselines.base import Settings, binary_matrix, rows_of
from graphcl.tasks.ranking import ScoreBlock


@register("baseline", "ease", example={"reg": [1.0]}, tasks=("recommend",))
class EASE:
    """``scores = X B`` with the B of zero diagonal that minimises ``||X - X B||^2 + reg ||B||^2``.

    With ``P = (X^T X + reg I)^-1`` (equation 8): ``B_ij = -P_ij / P_jj`` off the diagonal.
    """

    def __init__(
        self,
        reg: tuple[Positive, ...] = (250.0, 10.0, 50.0, 100.0, 500.0, 1000.0),
        max_items: Count = 20_000,
    ) -> None:
        """
        Args:
            reg: L2 weights to choose from.
            max_items: Largest catalogue; memory is about 16 bytes x items^2 (6.4 GB at 20,000).
        """
        self.reg, self.max_items = reg, max_items

    def refusal(self, num_users: int, num_items: int) -> str | None:
        """Refuses a catalogue whose item-to-item matrices would not fit."""
        if num_items <= self.max_items:
            return None
        gigabytes = 16 * num_items**2 / 1e9
        return (
            f"{num_items:,} items are more than max_items={self.max_items:,}: "
            f"it would need about {gigabytes:.0f} GB of memory"
        )

    def fits(self, train: Pairs, num_users: int, num_items: int) -> Iterator[tuple[Settings, ScoreBlock]]:
        """Every L2 weight; the Gram matrix is made once."""
        matrix = binary_matrix(train, num_users, num_items)
        gram = torch.from_numpy((matrix.T @ matrix).toarray())
        for reg in self.reg:
            yield {"reg": reg}, _scorer(matrix, solve_ease(gram, reg))


def solve_ease(gram: Tensor, reg: float) -> Tensor:
    """B [I, I] from the Gram matrix ``X^T X`` [I, I], which is left as it is."""
    regularized = gram.clone()
    regularized.diagonal().add_(reg)
    # LAPACK answers in column order; the inverse is symmetric, so its transpose is the same in row order.
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(regularized)).mT.contiguous()
    weights = inverse.div_(-inverse.diagonal().clone())
    weights.fill_diagonal_(0.0)
    return weights


def _scorer(matrix: sp.csr_matrix, weights: Tensor) -> ScoreBlock:
    dense = weights.numpy()

    def score_block(users: Tensor) -> Tensor:
        return torch.from_numpy(rows_of(matrix, users) @ dense)

    return score_block
