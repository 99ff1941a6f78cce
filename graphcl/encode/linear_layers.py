"""What an encoder is made of, for methods that bound its output (``Tower.linear_layers()``, evaluation mode)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Propagate:
    """``A x`` with the operator of normalisation ``norm``."""

    norm: str


@dataclass(frozen=True, eq=False)
class Linear:
    """``x W`` with W [in, out]."""

    weight: Tensor


@dataclass(frozen=True, eq=False)
class Affine:
    """``scale * x + shift`` by column: a bias, or batch normalisation with its running statistics."""

    scale: Tensor | None
    shift: Tensor


@dataclass(frozen=True, eq=False)
class Activation:
    """x above 0 and ``slope * x`` below: ReLU is slope 0 (a tensor for a learnt slope)."""

    slope: Tensor | float


@dataclass(frozen=True, eq=False)
class Skip:
    """``x + weight * x_0`` with the encoder's input x_0.

    A readout ``sum_l w_l A^l x_0`` is, by Horner's rule, ``w_0 x_0 + A (w_1 x_0 + A (... + A (w_L x_0)))``.
    """

    weight: float


LinearLayer = Propagate | Linear | Affine | Activation | Skip


def apply_layers(layers: Sequence[LinearLayer], x: Tensor, propagate: Callable[[Tensor], Tensor]) -> Tensor:
    """What the layers make of ``x``.

    Args:
        layers: Of an encoder.
        x: [N, f], its input.
        propagate: ``A x``, in the normalisation that the layers name.
    """
    start = x
    for layer in layers:
        match layer:
            case Propagate():
                x = propagate(x)
            case Linear():
                x = x @ layer.weight
            case Affine():
                x = (x if layer.scale is None else x * layer.scale) + layer.shift
            case Activation():
                x = x.clamp_min(0) + layer.slope * x.clamp_max(0)
            case Skip():
                x = x + layer.weight * start
    return x
