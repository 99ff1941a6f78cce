"""Decorrelation: no two columns of a view say the same."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.options import Addresses
from graphcl.core.registry import register
from graphcl.objective.base import Anchored, Flow, Term, at_type
from graphcl.objective.columns import centre, standardize

Matrix = Literal["correlation", "covariance"]


def decorrelation(x: Tensor, of: Matrix = "correlation") -> Tensor:
    """The squared distance of a matrix [d, d] of the columns from a diagonal one.

    ``correlation``: ``|I - Z^T Z / N|^2`` with standardised columns Z (Zhang et al. 2021, eq. 3); a constant column
    adds 1. ``covariance``: ``sum_{a != b} Cov_ab^2 / d``, Cov divided by N - 1 (Bardes et al. 2022, eq. 3 and 4).

    Args:
        x: [N, d].
        of: Which matrix.

    Returns:
        A scalar; 0 for fewer than two rows.

    Example:
        >>> x = torch.tensor([[1.0, 1.0], [1.0, 1.0], [-1.0, -1.0], [-1.0, -1.0]])
        >>> decorrelation(x), decorrelation(x, "covariance")
        (tensor(2.), tensor(1.7778))
    """
    count, width = x.shape
    if count < 2:
        return 0.0 * x.sum()
    if of == "correlation":
        z = standardize(x)
        return (z.T @ z / count - torch.eye(width, dtype=z.dtype, device=z.device)).square().sum()
    z = centre(x)
    covariance = z.T @ z / (count - 1)
    return (covariance - torch.diag_embed(covariance.diagonal())).square().sum() / width


@register("term", "decorrelation", example={"x": "a.nodes[batch]"})
class Decorrelation(Term):
    """Pushes the columns of a view apart, so that it cannot collapse (CCA-SSG, Zhang et al., NeurIPS 2021; with
    ``of: covariance`` VICReg, Bardes et al., ICLR 2022).

    CCA-SSG is this beside ``alignment`` with ``normalize: columns``. One value for all rows together, of a [d, d]
    matrix: the cost is linear in the number of rows.
    """

    combine = "gather"

    def __init__(self, x: Addresses, of: Matrix = "correlation", **common: Any) -> None:  # noqa: D417
        """
        Args:
            x: Rows of a view; of several addresses each is taken by itself, and the values are summed.
            of: The `correlation` of the columns against the identity, or what their `covariance` has off its diagonal.

        Raises:
            UserError: ``weights``, for which there are no anchors.
        """
        super().__init__(**common)
        if self.weights is not None:
            raise UserError("decorrelation: one value for all rows together, so 'weights' has nothing to weight")
        self.x, self.of = [x] if isinstance(x, str) else x, of

    def group(self, flow: Flow, node_type: str) -> Anchored:
        """A single value."""
        views = [flow.rows(at_type(address, node_type)).values for address in self.x]
        return Anchored(torch.stack([decorrelation(rows, self.of) for rows in views]).sum().reshape(1))
