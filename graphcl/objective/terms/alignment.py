"""Alignment: the two rows of a pair lie close together."""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.options import Addresses, Positive
from graphcl.core.registry import register
from graphcl.objective.base import Anchored, Flow, Term, at_type
from graphcl.objective.columns import standardize
from graphcl.objective.kernels import unit_rows, widen
from graphcl.objective.pairs import Matching, pair_rows

Normalize = Literal["rows", "columns", "none"]


def alignment(x: Tensor, y: Tensor, alpha: float = 2.0, normalize: Normalize = "rows") -> Tensor:
    """The distance of each pair.

    ``rows``: ``||x / |x| - y / |y| ||^alpha`` (Wang & Isola 2020, Eq. 3). ``columns``: ``||x' - y'||^2 / 2`` with
    standardised columns; its mean is ``d - tr(X'^T Y' / N)``, which but for d is CCA-SSG's invariance (Zhang et al.
    2021, eq. 3). ``none``: ``||x - y||^2 / d``, the mean squared error.

    Args:
        x: [B, d].
        y: [B, d].
        alpha: Exponent, for ``rows``.
        normalize: What is scaled first.

    Returns:
        [B]. At distance zero the gradient is zero for every ``alpha``.

    Example:
        >>> alignment(torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 3.0]]))
        tensor([2.])
    """
    if normalize == "columns":
        return (standardize(x) - standardize(y)).square().sum(-1) / 2
    if normalize == "none":
        return (widen(x) - widen(y)).square().mean(-1)
    square = (unit_rows(x) - unit_rows(y)).square().sum(-1)
    if alpha == 2.0:
        return square
    same = square == 0
    return square.masked_fill(same, 1.0).pow(alpha / 2).masked_fill(same, 0.0)


@register("term", "alignment", example={"x": "main.nodes[user][users]", "y": "main.nodes[item][items_pos]"})
class Alignment(Term):
    """Distance of the two rows of each pair (Wang & Isola, ICML 2020; DirectAU, Wang et al., KDD 2022).

    With ``uniformity`` it is DirectAU. At ``alpha: 2`` it equals 2 - 2 cosine, which is BGRL's loss. Beside
    ``decorrelation`` it is CCA-SSG (``normalize: columns``), with ``variance`` too VICReg (``none``).
    """

    def __init__(  # noqa: D417 - Term documents the common options
        self,
        x: Addresses,
        y: Addresses,
        alpha: Positive = 2.0,
        normalize: Normalize = "rows",
        pair: Matching = "position",
        **common: Any,
    ) -> None:
        """
        Args:
            x: Rows of one side.
            y: Rows of the other side.
            alpha: Exponent of the distance, where `normalize` is rows.
            normalize: What is scaled first: `rows` to unit length, `columns` to mean 0 and variance 1 (half the
                squared distance), or `none` (the mean squared error).
            pair: ``position`` (a user and his item), or ``id`` (two views of a node; rows missing are left out), or
                ``place`` (patches of two views of an image that show the same place of it).

        Raises:
            UserError: an exponent for a distance that has none.
        """
        super().__init__(**common)
        if normalize != "rows" and alpha != 2.0:
            raise UserError(f"alignment: alpha {alpha:g} is an exponent of normalize: rows; leave it out")
        self.x, self.y, self.alpha, self.normalize, self.pair = x, y, alpha, normalize, pair
        # Statistics of columns are those of all rows, and a partner may be anywhere.
        self.combine = "mean" if pair == "position" and normalize != "columns" else "gather"

    def group(self, flow: Flow, node_type: str) -> Anchored:
        """One value per pair, with the id of ``x``."""
        x, y = flow.rows(at_type(self.x, node_type)), flow.rows(at_type(self.y, node_type))
        first, second, ids = pair_rows(x, y, self.pair)
        values = alignment(first, second, self.alpha, self.normalize)
        weight = self.anchor_weight(flow, node_type, ids, values.new_ones(values.shape[0]))
        return Anchored(values * weight, weight, ids, left_out=len(x) - values.shape[0])
