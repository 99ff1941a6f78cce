"""The forward pass: intervals that hold every value of every layer under all deletions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from graphcl.encode.linear_layers import Activation, Affine, Linear, LinearLayer, Propagate, Skip
from graphcl.encode.sparse_input import multiply
from graphcl.objective.pot.graph import Patch
from graphcl.objective.pot.rows import RowRule


@dataclass(frozen=True, eq=False)
class Interval:
    """``low <= value <= high``, elementwise, for the nearest ``len(low)`` nodes of a patch.

    Attributes:
        low: [n, d].
        high: [n, d]; the very same tensor where no edge changes the value.
    """

    low: Tensor
    high: Tensor

    @property
    def exact(self) -> bool:
        """Whether it is a value."""
        return self.low is self.high

    @property
    def count(self) -> int:
        """n."""
        return self.low.shape[0]

    @property
    def centre(self) -> Tensor:
        """Middle."""
        return (self.low + self.high) / 2

    @property
    def radius(self) -> Tensor:
        """Half the width."""
        return (self.high - self.low) / 2


def trace(layers: Sequence[LinearLayer], x: Tensor, patch: Patch, rule: RowRule) -> list[Interval]:
    """The interval before each layer, and the output's.

    Args:
        layers: Of an encoder that :func:`graphcl.objective.pot.encoder.check_layers` accepts.
        x: [M, f], the input of the patch's nodes.
        patch: Targets with as many steps around them as the layers propagate.
        rule: How one propagation is bounded.
    """
    found = [Interval(x, x)]
    steps = 0
    for layer in layers:
        steps += isinstance(layer, Propagate)
        found.append(_through(layer, found[-1], x, patch, steps, rule))
    return found


def _through(layer: LinearLayer, at: Interval, x: Tensor, patch: Patch, steps: int, rule: RowRule) -> Interval:
    match layer:
        case Propagate():
            depth = len(patch.sizes) - 1
            adjacency = patch.adjacency(patch.sizes[depth - steps])
            return Interval(rule.columns(at.low, adjacency), -rule.columns(-at.high, adjacency))
        case Linear():
            return _linear(layer.weight, at)
        case Affine():
            return _affine(layer, at)
        case Activation():
            return _each(at, lambda value: value.clamp_min(0) + layer.slope * value.clamp_max(0))
        case Skip():
            return _each(at, lambda value: value + layer.weight * x[: at.count])


def _each(at: Interval, change: object) -> Interval:
    """A map that grows with its argument."""
    low = change(at.low)  # type: ignore[operator]
    return Interval(low, low if at.exact else change(at.high))  # type: ignore[operator]


def _linear(weight: Tensor, at: Interval) -> Interval:
    if at.exact:
        return _each(at, lambda value: multiply(value, weight.T))
    centre, radius = at.centre @ weight, at.radius @ weight.abs()
    return Interval(centre - radius, centre + radius)


def _affine(layer: Affine, at: Interval) -> Interval:
    if layer.scale is None:
        return _each(at, lambda value: value + layer.shift)
    if at.exact:
        return _each(at, lambda value: value * layer.scale + layer.shift)
    ends = at.low * layer.scale, at.high * layer.scale
    return Interval(torch.minimum(*ends) + layer.shift, torch.maximum(*ends) + layer.shift)
