"""The published surrogate of the compactness bound, for comparison. It is not a bound."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeGuard

import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.encode.linear_layers import Activation, Affine, Linear, LinearLayer, Propagate
from graphcl.encode.sparse_input import multiply
from graphcl.objective.pot.encoder import check_layers
from graphcl.objective.pot.entries import sparse_rows
from graphcl.objective.pot.graph import Deletable, make_patch
from graphcl.objective.pot.rows import Degrees

Stage = tuple[Linear, Propagate, Affine, Activation]


def reference_score(
    layers: Sequence[LinearLayer],
    x: Tensor,
    weights: Tensor,
    graph: Deletable,
    budget: Tensor,
    propagate: Callable[[Tensor], Tensor],
) -> Tensor:
    """What the authors' code optimises in the place of a bound (Yu et al. 2023, section 3.2 as released): [N].

    Kept from it: a node never loses its last edge; the second layer's bounds take the first layer's output on the
    clean graph for exact; neighbours enter with their own weights and slopes in the place of the target's; and the
    linear function is evaluated at the drawn matrix instead of minimised. Each can make it larger than the score.

    Args:
        layers: Of a 2-layer GCN with ReLU or PReLU.
        x: [N, f], the encoder's input.
        weights: [N, d], of :func:`graphcl.objective.pot.compactness.compactness_weights`.
        graph: The clean graph.
        budget: [N] int64.
        propagate: Multiplies by the matrix of the drawn view.

    Raises:
        UserError: another encoder.
    """
    (linear1, _, bias1, active1), (linear2, _, bias2, active2) = _stages(layers)
    propagate_clean, enclose = _matrices(graph, budget)
    m1 = multiply(x, linear1.weight.T)
    slope1, offset1 = _slopes(*enclose(m1, bias1.shift), active1.slope)
    hidden = propagate_clean(m1) + bias1.shift
    hidden = hidden.clamp_min(0) + active1.slope * hidden.clamp_max(0)
    slope2, offset2 = _slopes(*enclose(hidden @ linear2.weight, bias2.shift), active2.slope)
    own2, constant2 = _pull(weights, slope2, offset2, bias2.shift)
    own1, constant1 = _pull(own2 @ linear2.weight.T, slope1, offset1, bias1.shift)
    values = torch.stack([(m1 * own1).sum(-1)], 1)
    return (propagate(propagate(values) + constant1[:, None])).squeeze(1) + constant2


def check_reference(layers: Sequence[LinearLayer]) -> None:
    """Refuse encoders for which the surrogate is not defined.

    Raises:
        UserError: anything but a 2-layer GCN without normalisation.
    """
    _stages(layers)


def _stages(layers: Sequence[LinearLayer]) -> tuple[Stage, Stage]:
    kinds = (Linear, Propagate, Affine, Activation)
    if len(layers) == 8 and check_layers(layers):
        first, second = tuple(layers[:4]), tuple(layers[4:])
        if _is_stage(first, kinds) and _is_stage(second, kinds):
            return first, second
    raise UserError("the published surrogate is defined for a GCN of two layers without normalisation; take mode=sound")


def _is_stage(layers: tuple[LinearLayer, ...], kinds: tuple[type, ...]) -> TypeGuard[Stage]:
    same = all(isinstance(layer, kind) for layer, kind in zip(layers, kinds, strict=True))
    return same and isinstance(layers[2], Affine) and layers[2].scale is None


def _matrices(
    graph: Deletable, budget: Tensor
) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]]:
    """The clean propagation, and lower and upper pre-activations from entries that lie in [lower, upper]."""
    adjacency = make_patch(graph, 1).adjacency(graph.num_nodes)
    degrees = Degrees(graph.degree, torch.minimum(budget, (graph.degree - 1).clamp_min(0)), 1)
    most, least = degrees.most_scale, degrees.least_scale
    upper = most[adjacency.row] * most[adjacency.column]
    clean = least[adjacency.row] * least[adjacency.column]

    def with_diagonal(edges: Tensor, diagonal: Tensor, y: Tensor) -> Tensor:
        return sparse_rows(edges, adjacency, y) + diagonal[:, None].to(y.dtype) * y

    def propagate_clean(y: Tensor) -> Tensor:
        return with_diagonal(clean, least.square(), y)

    def enclose(m: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        centre = with_diagonal(upper / 2, (most.square() + least.square()) / 2, m) + bias
        radius = with_diagonal(upper / 2, (most.square() - least.square()) / 2, m.abs())
        return centre - radius, centre + radius

    return propagate_clean, enclose


def _slopes(low: Tensor, high: Tensor, alpha: Tensor | float) -> tuple[Tensor, Tensor]:
    """One slope for both lines, and what the upper one adds to its argument."""
    inside = (low < 0) & (high > 0)
    rise = torch.where(inside, high - alpha * low, 1.0)
    slope = torch.where(inside, rise / torch.where(inside, high - low, 1.0), torch.where(low >= 0, 1.0, alpha))
    return slope.to(low.dtype), torch.where(inside, (alpha - 1) * high * low / rise, 0.0)


def _pull(weights: Tensor, slope: Tensor, offset: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    own = weights * slope
    return own, (own * (bias + torch.where(weights < 0, offset, 0.0))).sum(-1)
