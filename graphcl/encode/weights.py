"""Initial weights from an explicit generator; torch's own initialisers know only the global one."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

Init = Literal["xavier_uniform", "normal"]


def uniform(shape: tuple[int, ...], bound: float, generator: torch.Generator) -> Tensor:
    """U(-bound, bound)."""
    return torch.rand(shape, generator=generator).mul_(2 * bound).sub_(bound)


def initial(shape: tuple[int, int], init: Init, generator: torch.Generator, std: float = 0.1) -> Tensor:
    """A matrix [rows, columns] of initial weights.

    Args:
        shape: (rows, columns).
        init: ``xavier_uniform``: U(-b, b) with b = sqrt(6 / (rows + columns)) (Glorot and Bengio, 2010);
            ``normal``: N(0, std^2).
        generator: source of the draws.
        std: standard deviation of ``normal``.
    """
    if init == "normal":
        return torch.randn(shape, generator=generator) * std
    return uniform(shape, math.sqrt(6.0 / max(sum(shape), 1)), generator)


def make_linear(
    in_dim: int, out_dim: int, *, bias: bool = True, glorot: bool = False, generator: torch.Generator
) -> nn.Linear:
    """``nn.Linear`` with initial weights from ``generator``.

    Args:
        in_dim: width of the input.
        out_dim: width of the output.
        bias: whether there is one.
        glorot: ``xavier_uniform`` and bias 0, as graph convolutions start; else torch's default for linear
            layers, U(-b, b) with b = 1 / sqrt(in_dim) for both.
        generator: source of the draws.
    """
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, in_dim, out_dim, bias=bias)
    bound = 1.0 / math.sqrt(max(in_dim, 1))
    with torch.no_grad():
        shape = (out_dim, in_dim)
        layer.weight.copy_(initial(shape, "xavier_uniform", generator) if glorot else uniform(shape, bound, generator))
        if bias:
            layer.bias.copy_(torch.zeros(out_dim) if glorot else uniform((out_dim,), bound, generator))
    return layer


def group_norms(weight: Tensor, rows: int = 0, groups: int = 2) -> Tensor:
    """[R, G]: the norm of each group of weights, ``||W_{i . j .}||`` of row i and group j.

    >>> group_norms(torch.tensor([[[[3.0], [0.0]], [[4.0], [1.0]]]])).tolist()
    [[5.0, 1.0]]

    Args:
        weight: Of any dimension; a group has all entries along the others. The gradient of a group of zeros is zero.
        rows: Dimension that numbers the rows.
        groups: Dimension that numbers the groups of a row.
    """
    along = [axis for axis in range(weight.dim()) if axis not in (rows, groups)]
    square = weight.square().sum(along) if along else weight.square()
    zero = square == 0
    norms = square.masked_fill(zero, 1.0).sqrt().masked_fill(zero, 0.0)
    return norms if rows < groups else norms.T
