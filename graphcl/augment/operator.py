"""Augmenters of what encoders propagate with: operator -> operator."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from graphcl.core.errors import UserError
from graphcl.core.options import Count, DropProbability, Index, NonNegative
from graphcl.core.registry import register
from graphcl.graph.operators import (
    BipartiteOperator,
    ComposedOperator,
    DropoutOperator,
    LowRankOperator,
    NoisyOperator,
    Operator,
    SparseOperator,
    random_factors,
    randomized_svd,
)


def low_rank(
    operator: Operator, rank: int, *, oversampling: int = 10, n_iter: int = 7, generator: torch.Generator
) -> Operator:
    """The operator of the ``rank`` leading singular triplets: LightGCL's global view (Cai et al., ICLR 2023, eq. 4-6).

    Of a bipartite operator the rectangular blocks are decomposed, not the square matrix. The result is fixed by
    the generator's seed. LightGCL's accuracy is ``oversampling=0, n_iter=2``.

    Raises:
        UserError: a rank outside the operator's size; an operator that draws at every product.
    """

    def decompose(part: Operator) -> LowRankOperator:
        return randomized_svd(part, rank, oversampling=oversampling, n_iter=n_iter, generator=generator)

    return _by_block(operator, decompose)


def random_low_rank(
    operator: Operator, rank: int, *, oversampling: int = 10, n_iter: int = 7, generator: torch.Generator
) -> Operator:
    """Random orthonormal factors with the singular values of :func:`low_rank`: its control, blind to the data.

    Rank 0 is the operator that sends nothing.

    Raises:
        UserError: see :func:`low_rank`.
    """

    def draw(part: Operator) -> LowRankOperator:
        found = randomized_svd(part, max(rank, 1), oversampling=oversampling, n_iter=n_iter, generator=generator)
        kept = LowRankOperator(found.U[:, :rank], found.S[:rank], found.V[:, :rank])
        return random_factors(kept, generator=generator)

    return _by_block(operator, draw)


def _by_block(operator: Operator, replace: Callable[[Operator], LowRankOperator]) -> Operator:
    if isinstance(operator, BipartiteOperator):
        first = replace(operator.first)
        return BipartiteOperator(first, None if operator.mirrored else replace(operator.second))
    if not isinstance(operator, SparseOperator | LowRankOperator | ComposedOperator):
        raise UserError(f"a {type(operator).__name__} has no singular values; put the low-rank augmenter first")
    return replace(operator)


def propagation_noise(operator: Operator, eps: float, *, generator: torch.Generator) -> NoisyOperator:
    """Noise of length ``eps`` on every row of every product, in the row's orthant: SimGCL (Yu et al., SIGIR 2022)."""
    return NoisyOperator(operator, eps, generator)


def dropout_entries(
    operator: Operator, p: float, *, shared: bool = False, generator: torch.Generator
) -> DropoutOperator:
    """Dropout of the operator's entries, drawn anew at every product and not re-normalised.

    LightGCL's edge dropout. With ``shared`` it is close to SGL's RW (another graph for each layer), which
    also normalises anew.

    Args:
        operator: sparse, or bipartite over sparse ones.
        p: probability that an entry becomes 0; the others are divided by ``1 - p``.
        shared: one draw for the two directions of an edge; False draws twice, as LightGCL's code does.
        generator: source of the draws; kept, and drawn from in the order of the products.
    """
    return DropoutOperator(operator, p, shared, generator)


@register("augmenter", "low_rank", example={"rank": 2}, level="operator", stochastic=False)
class LowRank(nn.Module):
    """The leading singular triplets of the operator; see :func:`low_rank`."""

    def __init__(self, rank: Count = 5, oversampling: Index = 10, n_iter: Index = 7) -> None:
        """
        Args:
            rank: Number of singular triplets (q).
            oversampling: Extra random directions of the range finder; LightGCL's code has 0.
            n_iter: Power iterations of the range finder; LightGCL's code has 2.
        """
        super().__init__()
        self.rank, self.oversampling, self.n_iter = rank, oversampling, n_iter

    def forward(self, operator: Operator, *, generator: torch.Generator) -> Operator:
        """The low-rank operator."""
        options = {"oversampling": self.oversampling, "n_iter": self.n_iter}
        return low_rank(operator, self.rank, **options, generator=generator)


@register("augmenter", "random_low_rank", example={"rank": 2}, level="operator", stochastic=False)
class RandomLowRank(nn.Module):
    """Random factors with the true singular values; see :func:`random_low_rank`."""

    def __init__(self, rank: Index = 5, oversampling: Index = 10, n_iter: Index = 7) -> None:
        """
        Args:
            rank: Number of factors; 0 sends nothing.
            oversampling: As in low_rank, for the singular values.
            n_iter: As in low_rank, for the singular values.
        """
        super().__init__()
        self.rank, self.oversampling, self.n_iter = rank, oversampling, n_iter

    def forward(self, operator: Operator, *, generator: torch.Generator) -> Operator:
        """The random low-rank operator."""
        options = {"oversampling": self.oversampling, "n_iter": self.n_iter}
        return random_low_rank(operator, self.rank, **options, generator=generator)


@register("augmenter", "propagation_noise", example={"eps": 0.1}, level="operator", stochastic=True, per_call=True)
class PropagationNoise(nn.Module):
    """Noise on every product; see :func:`propagation_noise`."""

    def __init__(self, eps: NonNegative = 0.1) -> None:
        """
        Args:
            eps: Length of the noise of a row.
        """
        super().__init__()
        self.eps = eps

    def forward(self, operator: Operator, *, generator: torch.Generator) -> NoisyOperator:
        """The noisy operator."""
        return propagation_noise(operator, self.eps, generator=generator)


@register("augmenter", "dropout_entries", example={"p": 0.5}, level="operator", stochastic=True, per_call=True)
class DropoutEntries(nn.Module):
    """Dropout of the operator's entries; see :func:`dropout_entries`."""

    def __init__(self, p: DropProbability = 0.1, shared: bool = False) -> None:
        """
        Args:
            p: Probability that an entry becomes 0.
            shared: Whether the two directions of an edge share one draw; false is LightGCL's code.
        """
        super().__init__()
        self.p, self.shared = p, shared

    def forward(self, operator: Operator, *, generator: torch.Generator) -> DropoutOperator:
        """The operator with dropout."""
        return dropout_entries(operator, self.p, shared=self.shared, generator=generator)
