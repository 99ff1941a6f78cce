"""Alignment: the two rows of a pair lie close together on the sphere."""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.options import Addresses, Positive
from graphcl.core.registry import register
from graphcl.objective.base import Anchored, Flow, Rows, Term, at_type
from graphcl.objective.kernels import unit_rows
from graphcl.objective.pairs import match_rows


def alignment(x: Tensor, y: Tensor, alpha: float = 2.0) -> Tensor:
    """``||x / |x| - y / |y| ||^alpha`` of each pair (Wang & Isola 2020, Eq. 3).

    Args:
        x: [B, d].
        y: [B, d].
        alpha: Exponent.

    Returns:
        [B]. At distance zero the gradient is zero for every ``alpha``.

    Example:
        >>> alignment(torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 3.0]]))
        tensor([2.])
    """
    square = (unit_rows(x) - unit_rows(y)).square().sum(-1)
    if alpha == 2.0:
        return square
    same = square == 0
    return square.masked_fill(same, 1.0).pow(alpha / 2).masked_fill(same, 0.0)


@register("term", "alignment", example={"x": "main.nodes[user][users]", "y": "main.nodes[item][items_pos]"})
class Alignment(Term):
    """Squared distance of the normalised rows of each pair (Wang & Isola, ICML 2020; DirectAU, Wang et al., KDD 2022).

    With ``uniformity`` it is DirectAU. At ``alpha: 2`` it equals 2 - 2 cosine, which is BGRL's loss.
    """

    def __init__(  # noqa: D417 - Term documents the common options
        self,
        x: Addresses,
        y: Addresses,
        alpha: Positive = 2.0,
        pair: Literal["position", "id"] = "position",
        **common: Any,
    ) -> None:
        """
        Args:
            x: Rows of one side.
            y: Rows of the other side.
            alpha: Exponent of the distance.
            pair: ``position`` (a user and his item), or ``id`` (two views of a node; rows missing are left out).
        """
        super().__init__(**common)
        self.x, self.y, self.alpha, self.pair = x, y, alpha, pair

    def group(self, flow: Flow, node_type: str) -> Anchored:
        """One value per pair, with the id of ``x``."""
        x, y = flow.rows(at_type(self.x, node_type)), flow.rows(at_type(self.y, node_type))
        first, second, ids = self._pairs(x, y)
        values = alignment(first, second, self.alpha)
        weight = self.anchor_weight(flow, node_type, ids, values.new_ones(values.shape[0]))
        return Anchored(values * weight, weight, ids, left_out=len(x) - values.shape[0])

    def _pairs(self, x: Rows, y: Rows) -> tuple[Tensor, Tensor, Tensor | None]:
        if self.pair == "position":
            if len(x) != len(y):
                raise UserError(f"alignment: {len(x)} rows of x and {len(y)} of y; pair them by id, or give as many")
            return x.values, y.values, x.ids
        partner = match_rows(x, y)
        kept = (partner >= 0).nonzero().squeeze(1)
        ids = None if x.ids is None else x.ids.index_select(0, kept)
        return x.values.index_select(0, kept), y.values.index_select(0, partner.index_select(0, kept)), ids
