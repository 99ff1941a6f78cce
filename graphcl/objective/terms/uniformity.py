"""Uniformity: rows spread over the sphere."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.options import Addresses, Positive
from graphcl.core.registry import register
from graphcl.objective.base import Anchored, Flow, Term, at_type
from graphcl.objective.kernels import log_partition, unit_rows


def uniformity(x: Tensor, t: float = 2.0) -> Tensor:
    """``log mean_{i < j} exp(-t || x_i / |x_i| - x_j / |x_j| ||^2)`` (Wang & Isola 2020, Eq. 4).

    Args:
        x: [B, d].
        t: Sharpness.

    Returns:
        A scalar, 0 for fewer than two rows; at most 0.

    Example:
        >>> uniformity(torch.tensor([[1.0, 0.0], [0.0, 5.0]]))
        tensor(-4.)
    """
    count = x.shape[0]
    if count < 2:
        return 0.0 * x.sum()
    unit = unit_rows(x)
    itself = (torch.arange(count + 1, device=x.device), torch.arange(count, device=x.device))
    others = log_partition(unit, unit, similarity="neg_sqdist", temperature=1 / t, mask=itself)
    return torch.logsumexp(others, 0) - math.log(count * (count - 1))


@register("term", "uniformity", example={"x": "main.nodes[user][users]"})
class Uniformity(Term):
    """Log of the mean Gaussian potential over the pairs of a batch (Wang & Isola, ICML 2020; DirectAU, KDD 2022).

    One value for all rows together, so ``mean`` and ``sum`` over a single group are the same. DirectAU's
    gamma (uniform_user + uniform_item) / 2 is ``each: [user, item]``, ``reduce: mean``, ``weight: gamma``.
    The distances never stand in a [B, B] matrix (``torch.pdist`` of 8,192 rows holds 134 MB and as much again
    for its gradient).
    """

    combine = "gather"

    def __init__(self, x: Addresses, t: Positive = 2.0, unique: bool = False, **common: Any) -> None:  # noqa: D417
        """
        Args:
            x: Rows to spread.
            t: Sharpness of the potential.
            unique: Each row once; by default a node that occurs twice is at distance zero from itself (DirectAU).

        Raises:
            UserError: ``weights``, for which there are no anchors.
        """
        super().__init__(**common)
        if self.weights is not None:
            raise UserError("uniformity: one value for all rows together, so there is nothing for 'weights' to weight")
        self.x, self.t, self.unique = x, t, unique

    def group(self, flow: Flow, node_type: str) -> Anchored:
        """A single value."""
        rows = flow.rows(at_type(self.x, node_type))
        values = rows.unique()[0].values if self.unique else rows.values
        return Anchored(uniformity(values, self.t).reshape(1))
