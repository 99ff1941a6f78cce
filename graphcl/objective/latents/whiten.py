"""Whitening of a latent's columns, over the rows of a step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from graphcl.core.errors import UserError
from graphcl.core.options import Count, Positive
from graphcl.core.registry import register
from graphcl.objective.columns import centre
from graphcl.objective.kernels.stable import once


class _InverseRoot(torch.autograd.Function):
    """``S^(-1/2)`` of symmetric positive definite matrices [G, g, g].

    The gradient through ``eigh`` divides by differences of eigenvalues and is infinite where two are equal, which is
    what whitening strives for. This one divides by sums of roots: of ``f = s^(-1/2)`` the divided difference
    ``(f(s) - f(t)) / (s - t)`` is ``-1 / (sqrt s sqrt t (sqrt s + sqrt t))`` (Daleckii & Krein), also where s = t.
    """

    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> Tensor:
        values, vectors = torch.linalg.eigh(matrix)
        roots = values.clamp_min(torch.finfo(matrix.dtype).tiny).sqrt()
        ctx.save_for_backward(roots, vectors, matrix)
        return (vectors / roots.unsqueeze(-2)) @ vectors.mT

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor | None:
        roots, vectors, matrix = ctx.saved_tensors
        symmetric = (grads[0] + grads[0].mT) / 2
        one, other = roots.unsqueeze(-1), roots.unsqueeze(-2)
        inner = vectors.mT @ symmetric @ vectors / -(one * other * (one + other))
        return once(vectors @ inner @ vectors.mT, grads[0], matrix)


def inverse_root(matrix: Tensor) -> Tensor:
    """``S^(-1/2)`` of symmetric positive definite S [..., g, g], with a gradient also where eigenvalues are equal.

    Example:
        >>> inverse_root(torch.diag(torch.tensor([4.0, 0.25])))
        tensor([[0.5000, 0.0000],
                [0.0000, 2.0000]])
    """
    return _InverseRoot.apply(matrix)


def whiten(latent: Tensor, groups: int = 1, eps: float = 1e-5, *, order: Tensor | None = None) -> Tensor:
    """Centred columns whose covariance, within each group of columns, is the identity (ZCA).

    With an ``order`` that is drawn, this is shuffled group whitening (WhitenedCSE, Zhuo et al., ACL 2023, section 3.2):
    columns are sorted by it, whitened by groups, and sorted back.

    Args:
        latent: [N, d].
        groups: Number of groups, of ``d / groups`` neighbouring columns each.
        eps: Added to the variances, as a share of their mean.
        order: [d], a permutation; None leaves columns in order.

    Returns:
        [N, d], at least float32; the empty latent stays empty.

    Raises:
        UserError: columns that cannot be divided, or no more rows than columns of a group.
    """
    count, width = latent.shape
    if width % groups:
        raise UserError(f"whiten: {width} columns are not {groups} groups of one size; set groups to a divisor")
    if not count:
        return centre(latent)
    if count <= width // groups:
        raise UserError(f"whiten: {count} rows for groups of {width // groups} columns; a covariance needs more rows "
                        "than columns, so set groups higher")  # fmt: skip
    centred = centre(latent)
    sorted_ = centred if order is None else centred.index_select(1, order)
    grouped = sorted_.view(count, groups, -1).transpose(0, 1)  # [groups, N, g]
    covariance = grouped.mT @ grouped / count
    scale = covariance.diagonal(dim1=-2, dim2=-1).mean(-1).detach()
    identity = torch.eye(width // groups, dtype=covariance.dtype, device=covariance.device)
    # A constant group has no scale; 1 keeps it at zero.
    covariance = covariance + (eps * scale.masked_fill(scale == 0, 1.0 / eps))[:, None, None] * identity
    white = (grouped @ inverse_root(covariance)).transpose(0, 1).reshape(count, width)
    return white if order is None else white.index_select(1, order.argsort())


@register("augmenter", "whiten", example={"groups": 2}, level="latent")
class Whiten(nn.Module):
    """Whitens the columns by groups that are drawn for each view of a step; see :func:`whiten`.

    Groups that differ from view to view make positives of one latent that differ, as augmentation does.
    """

    def __init__(self, groups: Count = 1, shuffle: bool = True, eps: Positive = 1e-5) -> None:
        """
        Args:
            groups: Number of groups of columns; a group has fewer columns than there are rows, best half as many.
            shuffle: Whether the groups are drawn, or of neighbouring columns.
            eps: Added to the variances, as a share of their mean.
        """
        super().__init__()
        self.groups, self.shuffle, self.eps = groups, shuffle, eps

    def forward(self, latent: Tensor, *, generator: torch.Generator) -> Tensor:
        """[N, d] -> [N, d]; statistics are those of all rows."""
        order = None
        if self.shuffle and self.groups > 1:
            order = torch.randperm(latent.shape[1], generator=generator, device=generator.device).to(latent.device)
        return whiten(latent, self.groups, self.eps, order=order)
