"""RUN's contrastive loss as its code has it, for comparison: a softmax of which no entry is the right one."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from graphcl.core.options import Addresses
from graphcl.core.registry import register
from graphcl.objective.base import Anchored, Flow, Term, at_type
from graphcl.objective.pairs import check_widths


def flat_softmax(x: Tensor, y: Tensor) -> Tensor:
    """[n]: ``-mean_j log softmax_j(x_i . y_j)`` of each row i.

    It is least, log m of m rows of y, where a row is flat: nothing is pulled together.

    >>> import torch
    >>> flat_softmax(torch.zeros(1, 2), torch.ones(4, 2)).exp().tolist()
    [4.0]

    Args:
        x: [n, d].
        y: [m, d].
    """
    return -(x @ y.T).log_softmax(1).mean(1) if len(y) else 0.0 * x.sum(1)


@register("term", "flat_softmax", example={"x": "a.nodes", "y": "b.nodes"})
class FlatSoftmax(Term):
    """The loss of RUN's released code (Lin et al., AAAI 2024): `info_nce` without a positive; see :func:`flat_softmax`.

    It is here to be compared with; to train by contrast take `info_nce`.
    """

    combine = "gather"

    def __init__(self, x: Addresses, y: Addresses, **common: Any) -> None:  # noqa: D417 - Term documents the others
        """
        Args:
            x: Rows of one view.
            y: Rows of the other.
        """
        super().__init__(**common)
        self.x, self.y = x, y

    def group(self, flow: Flow, node_type: str) -> Anchored:
        """One value for each row of x."""
        x, y = flow.rows(at_type(self.x, node_type)), flow.rows(at_type(self.y, node_type))
        check_widths(x, y)
        values = flat_softmax(x.values, y.values)
        weight = self.anchor_weight(flow, node_type, x.ids, values.new_ones(len(values)))
        return Anchored(values * weight, weight, x.ids)
