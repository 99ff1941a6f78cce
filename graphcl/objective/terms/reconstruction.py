"""Reconstruction: a decoder's rows against what was hidden."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.options import Address, Addresses
from graphcl.core.registry import register
from graphcl.objective.base import Anchored, Flow, Term, at_type
from graphcl.objective.kernels import unit_rows
from graphcl.objective.pairs import pair_rows

Exponent = Annotated[float, Field(ge=1.0)]


def scaled_cosine_error(x: Tensor, y: Tensor, gamma: float = 2.0) -> Tensor:
    """``(1 - cos(x, y))^gamma`` of each pair (GraphMAE, Hou et al., KDD 2022, eq. 2); 1 where a row is 0.

    Example:
        >>> import torch
        >>> scaled_cosine_error(torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([[3.0, 0.0], [0.0, -1.0]]), 3.0)
        tensor([0., 8.])
    """
    return (1.0 - (unit_rows(x) * unit_rows(y)).sum(-1)).clamp_min(0.0).pow(gamma)


def squared_error(x: Tensor, y: Tensor) -> Tensor:
    """Mean over the columns of the squared difference of each pair."""
    return (x - y).square().mean(-1)


def absolute_error(x: Tensor, y: Tensor) -> Tensor:
    """Mean over the columns of the absolute difference of each pair."""
    return (x - y).abs().mean(-1)


ERRORS = {"squared": squared_error, "absolute": absolute_error}


@register("term", "reconstruction", example={"x": "main.nodes[batch]", "target": "input.x"})
class Reconstruction(Term):
    """How far decoded rows are from the features of their nodes, which take no gradient (GraphMAE, KDD 2022).

    With ``x: a.decoder[masked]`` these are the nodes that ``mask_nodes`` hid in view ``a``.
    """

    combine = "gather"
    detached: ClassVar[tuple[str, ...]] = ("target",)

    def __init__(  # noqa: D417 - Term documents the common options
        self,
        x: Addresses,
        target: Address = "input.x",
        error: Literal["scaled_cosine", "squared", "absolute"] = "scaled_cosine",
        gamma: Exponent = 2.0,
        **common: Any,
    ) -> None:
        """
        Args:
            x: Decoded rows.
            target: What they should be, by id; the features before any augmentation by default.
            error: ``scaled_cosine``: (1 - cosine)^gamma; ``squared``: the mean squared difference; or ``absolute``: the
                mean absolute one.
            gamma: Exponent of the scaled cosine error; above 1 it makes light of rows that are almost right.
        """
        super().__init__(**common)
        self.x, self.target, self.error, self.gamma = x, target, error, gamma

    def group(self, flow: Flow, node_type: str) -> Anchored:
        """One value per decoded row that has a target."""
        rows, wanted = flow.rows(at_type(self.x, node_type)), flow.rows(at_type(self.target, node_type))
        wide, wanted_wide = rows.base.shape[-1], wanted.base.shape[-1]
        if wide != wanted_wide:
            raise UserError(
                f"reconstruction: '{self.x}' is {wide} wide and '{self.target}' {wanted_wide}; give the decoder dim: 0"
            )
        x, y, ids = pair_rows(rows, wanted, "id")
        y = y.detach()
        values = scaled_cosine_error(x, y, self.gamma) if self.error == "scaled_cosine" else ERRORS[self.error](x, y)
        weight = self.anchor_weight(flow, node_type, ids, values.new_ones(len(values)))
        return Anchored(values * weight, weight, ids, left_out=len(rows) - len(values))
