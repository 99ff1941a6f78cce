"""Statistics of the columns of a latent, for the losses that compare columns instead of rows."""

from __future__ import annotations

from torch import Tensor

from graphcl.objective.kernels import widen


def centre(x: Tensor) -> Tensor:
    """Subtract each column's mean: [N, d] -> [N, d], at least float32; N = 0 stays empty."""
    x = widen(x)
    return x - x.mean(0) if x.shape[0] else x


def standardize(x: Tensor) -> Tensor:
    """Columns of mean 0 and variance 1 (the sum of squares divided by N).

    A column is constant when its deviation is below 1e-6 of its largest entry, which in float32 is rounding. It
    becomes 0 and takes no gradient: there is no direction in which it would begin to vary.

    Args:
        x: [N, d].

    Returns:
        [N, d], at least float32.

    Example:
        >>> import torch
        >>> standardize(torch.tensor([[1.0, 7.0], [3.0, 7.0]]))
        tensor([[-1.,  0.],
                [ 1.,  0.]])
    """
    if not x.shape[0]:
        return widen(x)
    centred = centre(x)
    variance = centred.square().mean(0)
    constant = variance <= (1e-6 * x.detach().abs().amax(0)) ** 2
    return (centred / variance.masked_fill(constant, 1.0).sqrt()).masked_fill(constant, 0.0)
