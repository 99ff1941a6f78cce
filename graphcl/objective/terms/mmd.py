"""Maximum mean discrepancy: how far two sets of rows are from one distribution."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.options import Address, Count, Positive
from graphcl.core.registry import register
from graphcl.objective.base import Anchored, Flow, Term, at_type
from graphcl.objective.kernels import widen

#: Rows of each side beyond which the matrices of all pairs are refused.
MOST_ROWS = 8192


def mmd_values(x: Tensor, y: Tensor, *, kernels: int = 5, factor: float = 2.0) -> Tensor:
    """A value for each row, whose mean is ``mean k(x, x') + mean k(y, y') - 2 mean k(x, y)`` (Gretton et al., 2012).

    k is the sum of Gaussian kernels ``exp(-|a - b|^2 / s)``; the middle s is the mean squared distance of all pairs of
    rows, the others are ``factor`` apart. Dense: [2 B, 2 B].

    Args:
        x: [B, d].
        y: [B, d].
        kernels: number of kernels.
        factor: between two bandwidths.

    Returns:
        [B].

    Raises:
        UserError: more rows than dense matrices are for.
    """
    if len(x) > MOST_ROWS:
        raise UserError(f"mmd compares all pairs of rows, and {len(x):,} are too many; lower train.batch_size")
    rows = widen(torch.cat([x, y]))
    count = len(rows)
    squares = rows.square().sum(1)
    distance = (squares[:, None] + squares - 2 * rows @ rows.T).clamp_min(0)
    middle = distance.detach().sum() / max(count * (count - 1), 1)
    scales = [factor ** (k - kernels // 2) for k in range(kernels)]
    k = torch.stack([(-distance / (middle * scale).clamp_min(1e-12)).exp() for scale in scales]).sum(0)
    half = len(x)
    own, other = k[:half, :half] + k[half:, half:], k[:half, half:] + k[half:, :half]
    return (own - other).sum(1) / max(half, 1)


@register("term", "mmd", example={"x": "a.nodes[batch]", "y": "b.nodes[batch]"})
class MMD(Term):
    """The squared maximum mean discrepancy of two equally large sets of rows, see :func:`mmd_values`.

    The part of AutoTCL's augmenter that keeps a view close to its data (Zheng et al., ICLR 2024).
    """

    combine = "gather"

    def __init__(  # noqa: D417 - Term documents the common options
        self, x: Address, y: Address, kernels: Count = 5, factor: Positive = 2.0, **common: Any
    ) -> None:
        """
        Args:
            x: Rows of one side.
            y: Rows of the other, as many.
            kernels: Number of Gaussian kernels.
            factor: Between the bandwidths of two of them.
        """
        super().__init__(**common)
        self.x, self.y, self.kernels, self.factor = x, y, kernels, factor

    def group(self, flow: Flow, node_type: str) -> Anchored:
        """One value per row of ``x``, whose mean is the discrepancy."""
        x, y = flow.rows(at_type(self.x, node_type)), flow.rows(at_type(self.y, node_type))
        if len(x) != len(y):
            raise UserError(f"mmd: '{self.x}' has {len(x)} rows and '{self.y}' {len(y)}; give as many")
        values = mmd_values(x.values, y.values, kernels=self.kernels, factor=self.factor)
        weight = self.anchor_weight(flow, node_type, x.ids, values.new_ones(len(values)))
        return Anchored(values * weight, weight, x.ids)
