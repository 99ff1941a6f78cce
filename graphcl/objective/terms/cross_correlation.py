"""Cross-correlation: the columns of two views agree, and no two columns say the same."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.options import Address, NonNegative
from graphcl.core.registry import register
from graphcl.objective.base import Anchored, Flow, Term, at_type
from graphcl.objective.columns import standardize
from graphcl.objective.pairs import Matching, pair_rows


def cross_correlation(x: Tensor, y: Tensor, off_diagonal: float | None = None) -> Tensor:
    """``sum_a (1 - C_aa)^2 + lambda sum_{a != b} C_ab^2`` with ``C = X^T Y / N`` of standardised columns
    (Zbontar et al. 2021, eq. 1 and 2).

    Args:
        x: [N, d].
        y: [N, d], the same rows in another view.
        off_diagonal: lambda; None takes 1 / d (Bielak et al. 2022).

    Returns:
        A scalar; 0 for fewer than two rows, which have no correlation.

    Example:
        >>> x = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        >>> cross_correlation(x, x), cross_correlation(x, -x)
        (tensor(0.), tensor(8.))
    """
    if x.shape[0] < 2:
        return 0.0 * (x.sum() + y.sum())
    correlation = standardize(x).T @ standardize(y) / x.shape[0]  # [d, d]
    itself = correlation.diagonal()
    others = correlation - torch.diag_embed(itself)
    factor = 1.0 / x.shape[1] if off_diagonal is None else off_diagonal
    return (1.0 - itself).square().sum() + factor * others.square().sum()


@register("term", "cross_correlation", example={"x": "a.nodes[batch]", "y": "b.nodes[batch]"})
class CrossCorrelation(Term):
    """Redundancy reduction between two views (Barlow Twins, Zbontar et al., ICML 2021; G-BT, Bielak et al., 2022).

    One value for all rows together, of a [d, d] matrix: the cost is linear in the number of rows.
    """

    combine = "gather"

    def __init__(  # noqa: D417 - Term documents the common options
        self,
        x: Address,
        y: Address,
        off_diagonal: NonNegative | None = None,
        pair: Matching = "id",
        **common: Any,
    ) -> None:
        """
        Args:
            x: Rows of one view.
            y: Rows of the other.
            off_diagonal: Factor (lambda) of the correlations between different columns; empty takes 1 / d.
            pair: By `id` (two views of a node; rows missing on one side are left out), by `position`, or by `place`
                (patches of two views of an image).

        Raises:
            UserError: ``weights``, for which there are no anchors.
        """
        super().__init__(**common)
        if self.weights is not None:
            raise UserError("cross_correlation: one value for all rows together, so 'weights' has nothing to weight")
        self.x, self.y, self.off_diagonal, self.pair = x, y, off_diagonal, pair

    def group(self, flow: Flow, node_type: str) -> Anchored:
        """A single value."""
        x, y = flow.rows(at_type(self.x, node_type)), flow.rows(at_type(self.y, node_type))
        first, second, _ = pair_rows(x, y, self.pair)
        value = cross_correlation(first, second, self.off_diagonal)
        return Anchored(value.reshape(1), left_out=len(x) - first.shape[0])
