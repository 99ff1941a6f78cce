"""Group lasso: whole groups of weights are kept small, so that those without use become 0."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from graphcl.core.errors import UserError
from graphcl.core.options import Index
from graphcl.core.registry import register
from graphcl.encode.weights import group_norms
from graphcl.objective.base import Anchored, Flow, Term

Names = Annotated[list[str], Field(min_length=1)]


@register("regularizer", "group_lasso", example={"of": ["main"], "parameter": "weight", "rows": 0, "groups": 1})
class GroupLasso(Term):
    """``sum_j ||W_ij||`` of each row i over its groups j (Yuan and Lin, 2006).

    On the gates of a forecaster it is the sparsity of neural Granger discovery (Tank et al., TPAMI 2021), a group being
    what a target reads of a source.

    One value for each row (target), so that ``reduce: mean`` is on the scale of an error that is a mean over targets.
    Minimised by gradient: useless groups end near 0, not at it, and are told from others by their norm.
    """

    combine = "gather"

    def __init__(  # noqa: D417 - Term documents the common options
        self, of: Names, parameter: str = "inward", rows: Index = 0, groups: Index = 2, **common: Any
    ) -> None:
        """
        Args:
            of: Owners (towers, heads) whose weights are grouped.
            parameter: Name of the weights in each owner.
            rows: Dimension of the weights that numbers the rows (targets).
            groups: Dimension that numbers the groups of a row (sources).

        Raises:
            UserError: rows and groups are one dimension; per-example weights, of which there are no examples.
        """
        super().__init__(**common)
        if rows == groups:
            raise UserError(f"group_lasso: rows and groups are both dimension {rows}; they number different things")
        if self.weights is not None:
            raise UserError("group_lasso: its values are of parameters, so there is nothing for 'weights' to weight")
        self.of, self.parameter, self.rows, self.groups = of, parameter, rows, groups

    def group(self, flow: Flow, node_type: str) -> Anchored:
        """One value per row of the weights."""
        known = flow.parameters(*self.of)
        found = [weight for name, weight in known.items() if name.endswith("." + self.parameter)]
        if len(found) != 1:
            names = ", ".join(known) or "none"
            raise UserError(f"group_lasso: {len(found)} parameters are called {self.parameter!r}; known: {names}")
        if found[0].dim() <= max(self.rows, self.groups):
            raise UserError(
                f"group_lasso: {self.parameter!r} has {found[0].dim()} dimensions; rows={self.rows} and "
                f"groups={self.groups} count from 0"
            )
        return Anchored(group_norms(found[0], self.rows, self.groups).sum(1))
