"""Variance: every column of a view keeps a deviation."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.options import Addresses, Positive
from graphcl.core.registry import register
from graphcl.objective.base import Anchored, Flow, Term, at_type
from graphcl.objective.columns import centre


def variance(x: Tensor, target: float = 1.0) -> Tensor:
    """``mean_a max(0, target - sqrt(Var_a + 1e-4))``, Var divided by N - 1 (Bardes et al. 2022, eq. 1 and 2).

    Args:
        x: [N, d].
        target: Deviation above which a column costs nothing.

    Returns:
        A scalar; 0 for fewer than two rows.

    Example:
        >>> variance(torch.tensor([[0.0, 5.0], [0.0, -5.0]]))
        tensor(0.4950)
    """
    count = x.shape[0]
    if count < 2:
        return 0.0 * x.sum()
    deviation = (centre(x).square().sum(0) / (count - 1) + 1e-4).sqrt()
    return F.relu(target - deviation).mean()


@register("term", "variance", example={"x": "a.nodes[batch]"})
class Variance(Term):
    """A hinge on the deviation of each column (VICReg, Bardes et al., ICLR 2022). One value for all rows together."""

    combine = "gather"

    def __init__(self, x: Addresses, target: Positive = 1.0, **common: Any) -> None:  # noqa: D417
        """
        Args:
            x: Rows of a view; of several addresses each is taken by itself, and the values are summed.
            target: Deviation above which a column costs nothing.

        Raises:
            UserError: ``weights``, for which there are no anchors.
        """
        super().__init__(**common)
        if self.weights is not None:
            raise UserError("variance: one value for all rows together, so 'weights' has nothing to weight")
        self.x, self.target = [x] if isinstance(x, str) else x, target

    def group(self, flow: Flow, node_type: str) -> Anchored:
        """A single value."""
        views = [flow.rows(at_type(address, node_type)).values for address in self.x]
        return Anchored(torch.stack([variance(rows, self.target) for rows in views]).sum().reshape(1))
