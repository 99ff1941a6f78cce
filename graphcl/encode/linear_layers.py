"""What an encoder is made of, for methods that bound its output (``Tower.linear_layers()``, evaluation mode)."""

from __future__ import annotations

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


LinearLayer = Propagate | Linear | Affine | Activation
