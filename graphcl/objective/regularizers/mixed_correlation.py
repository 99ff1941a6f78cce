"""Mixed rows correlate with the views as the mixture of the views does."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from graphcl.core.errors import UserError
from graphcl.core.options import Address, NonNegative, Positive
from graphcl.core.registry import register
from graphcl.objective.base import Anchored, Flow, Term, at_type
from graphcl.objective.columns import standardize
from graphcl.objective.pairs import Pairing, pair_rows


def mixed_correlation(mixed: Tensor, x: Tensor, y: Tensor, share: Tensor, order: Tensor) -> Tensor:
    """``|M^T X / N - G_x|^2 + |M^T Y / N - G_y|^2`` with ``G_z = (a X + (1 - a) Y[order])^T Z / N`` and all columns
    standardised (Mixed Barlow Twins, Bandara et al. 2023, eq. 4 to 8).

    Args:
        mixed: [N, d], what the encoder makes of ``a x + (1 - a) y[order]`` of its inputs.
        x: [N, d], what it makes of the first view.
        y: [N, d], of the second.
        share: a, a scalar.
        order: [N], a permutation.

    Returns:
        A scalar; 0 for fewer than two rows, and where the encoder is linear and its outputs' columns have mean 0 and
        are so alike in variance that standardising changes nothing.
    """
    count = x.shape[0]
    if count < 2:
        return 0.0 * (mixed.sum() + x.sum() + y.sum())
    m, x, y = standardize(mixed), standardize(x), standardize(y)
    # M^T Z - G^T Z is (M - G)^T Z: two products less.
    off = m - share * x - (1 - share) * y.index_select(0, order)
    return (off.T @ x / count).square().sum() + (off.T @ y / count).square().sum()


@register("regularizer", "mixed_correlation", example={"x": "a.nodes[batch]", "y": "b.nodes[batch]"})
class MixedCorrelation(Term):
    """Beside ``cross_correlation``: Mixed Barlow Twins (Bandara et al., 2023), which overfits less.

    The structures of graphs cannot be averaged, so that latents are mixed, and the mixture goes through a head: its
    non-linearity is what there is to regularise.
    """

    combine = "gather"

    def __init__(  # noqa: D417 - Term documents the common options
        self,
        x: Address,
        y: Address,
        head: str | None = None,
        factor: NonNegative | None = None,
        concentration: Positive = 1.0,
        pair: Pairing = "id",
        *,
        heads: dict[str, nn.Module] | None = None,
        **common: Any,
    ) -> None:
        """
        Args:
            x: Rows of one view, before the head.
            y: Rows of the other, before the head.
            head: Name of the head that the rows and their mixture go through; empty: none.
            factor: What the distance is multiplied by (lambda, that of `cross_correlation`); empty takes 1 / d.
            concentration: Of the Beta distribution, on both sides, that the share of the first view is drawn from.
            pair: By `id`, or by `position`.
            heads: The recipe's (supplied).

        Raises:
            UserError: ``weights``, for which there are no anchors; a head that the recipe does not have.
        """
        super().__init__(**common)
        if self.weights is not None:
            raise UserError("mixed_correlation: one value for all rows together, so 'weights' has nothing to weight")
        if head and head not in (heads or {}):
            raise UserError(f"mixed_correlation: the recipe has no head {head!r}; heads: {', '.join(heads or {})}")
        self.x, self.y, self.head, self.pair = x, y, head, pair
        self.factor, self.concentration = factor, concentration
        # In a tuple: the head is not a part of this module, and must not be in its state_dict.
        self._module: tuple[nn.Module, ...] = (heads[head],) if head and heads else ()

    def group(self, flow: Flow, node_type: str) -> Anchored:
        """A single value."""
        x, y = flow.rows(at_type(self.x, node_type)), flow.rows(at_type(self.y, node_type))
        first, second, ids = pair_rows(x, y, self.pair)
        if ids is not None:  # who is mixed with whom does not depend on how the batch is sorted
            first, second = (rows.index_select(0, ids.argsort(stable=True)) for rows in (first, second))
        generator = flow.generator(f"mixed_correlation {node_type}")
        share = draw_share(self.concentration, generator).to(first)
        order = torch.randperm(len(first), generator=generator, device=generator.device).to(first.device)
        mixed = share * first + (1 - share) * second.index_select(0, order)
        seen = [self._through(flow, rows) for rows in (mixed, first, second)]
        value = mixed_correlation(seen[0], seen[1], seen[2], share, order)
        factor = 1.0 / seen[0].shape[1] if self.factor is None else self.factor
        return Anchored((factor * value).reshape(1), left_out=len(x) - len(first))

    def _through(self, flow: Flow, rows: Tensor) -> Tensor:
        """Rows through the head, in a virtual step with the parameters of that step."""
        if self.head is None:
            return rows
        prefix = f"heads.{self.head}."
        own = {name.removeprefix(prefix): tensor for name, tensor in flow.parameters(self.head).items()}
        return torch.func.functional_call(self._module[0], own, (rows,))


def draw_share(concentration: float, generator: torch.Generator) -> Tensor:
    """A number in (0, 1) of the distribution Beta(c, c), as the ratio of two gamma variates."""
    if concentration == 1.0:
        return torch.rand((), generator=generator, device=generator.device)
    gammas = torch._standard_gamma(torch.full((2,), concentration), generator=generator)
    return gammas[0] / gammas.sum()
