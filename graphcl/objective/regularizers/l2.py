"""The squared norm of parameters, or of a batch's rows."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.options import Addresses
from graphcl.core.registry import register
from graphcl.objective.base import Anchored, Flow, Term, at_type


def squared_norm(*tensors: Tensor) -> Tensor:
    """Sum of all squared entries, a scalar."""
    return torch.stack([torch.dot(x.reshape(-1), x.reshape(-1)) for x in tensors]).sum()


@register("regularizer", "l2", example={})
class L2(Term):
    """Squared norm of parameters or of a batch's rows.

    ``per: sum`` is one value, the sum over everything of ||x||^2. LightGCL (Cai et al. 2023, released code):
    no ``of``, ``weight`` = lambda2. Its gradient is 2 weight x: Adam's ``train.weight_decay`` = 2 lambda2 (not
    AdamW's) is the same step, for less work.

    ``per: anchor`` is half the squared norm of the rows of each example, summed over the addresses; with
    ``reduce: mean`` that is the batch L2 of LightGCN (He et al. 2020), SGL, NCL and SimGCL's paper,
    (||u||^2 + ||i||^2 + ||j||^2) / 2 summed over the batch / its size, ``weight`` = decay and ``of`` the layer-0
    rows of users, positives and negatives. (SELFRec takes the norm, not its square.)
    """

    def __init__(self, of: Addresses | None = None, per: Literal["anchor", "sum"] = "sum", **common: Any) -> None:  # noqa: D417
        """
        Args:
            of: Rows to keep small; all trained parameters where none are named.
            per: ``sum`` of all squares, or half of each ``anchor``'s, one row of every address being one anchor.

        Raises:
            UserError: ``per: anchor`` of no rows.
        """
        super().__init__(**common)
        if per == "anchor" and of is None:
            raise UserError("l2: per: anchor needs rows; name them in 'of', or take per: sum")
        if per == "sum" and self.weights is not None:
            raise UserError("l2: per: sum is one value, so there is nothing for 'weights' to weight; take per: anchor")
        self.of, self.per = of, per
        self.combine = "mean" if per == "anchor" else "gather"

    def group(self, flow: Flow, node_type: str) -> Anchored:
        """One value per example, or a single one."""
        if self.of is None:
            return Anchored(squared_norm(*flow.parameters().values()).reshape(1))
        addresses = self.of if isinstance(self.of, list) else [self.of]
        rows = [flow.rows(at_type(address, node_type)) for address in addresses]
        if self.per == "sum":
            return Anchored(squared_norm(*(row.values for row in rows)).reshape(1))
        if len({len(row) for row in rows}) > 1:
            counts = ", ".join(f"{address} has {len(row)}" for address, row in zip(addresses, rows, strict=True))
            raise UserError(f"l2: per: anchor needs as many rows of every address: {counts}")
        values = torch.stack([row.values.square().sum(-1) for row in rows]).sum(0) / 2
        weight = self.anchor_weight(flow, node_type, rows[0].ids, values.new_ones(values.shape[0]))
        return Anchored(values * weight, weight, rows[0].ids)
