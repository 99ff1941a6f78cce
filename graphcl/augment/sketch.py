"""A random projection of the rows of a latent: fewer rows with the same covariance."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from graphcl.core.registry import register
from graphcl.core.seeds import derive

Ratio = Annotated[float, Field(gt=0.0, le=1.0)]
#: Of the block of the projection that exists at a time.
BLOCK_BYTES = 16 << 20


def sketch(latent: Tensor, k: int, *, generator: torch.Generator, block_bytes: int = BLOCK_BYTES) -> Tensor:
    """``P Z`` with P [k, N] of independent N(0, 1/k) entries (COSTA, Zhang et al., KDD 2022).

    E[(PZ)^T (PZ)] = Z^T Z: covariances of columns are kept on average. Row i of two sketches with equal draws is the
    same mixture of nodes. P is drawn by blocks of rows and drawn again for the gradient, so no more than a block of it
    exists at a time: at k = N / 2 it is half an N x N matrix (7,650 nodes: 117 MB).

    Args:
        latent: [N, d].
        k: rows of the result.
        generator: source of one number, from which all draws follow.
        block_bytes: size of a block of P.

    Returns:
        [k, d], differentiable any number of times.
    """
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    rows = max(1, block_bytes // (max(latent.shape[0], 1) * 4))
    return _Project.apply(latent, seed, k, latent.shape[0], rows, False)


def projection_blocks(
    seed: int, k: int, count: int, rows: int, device: torch.device
) -> Iterator[tuple[slice, Tensor]]:
    """The blocks of rows of P [k, count] with the rows that they are, each drawn from a seed of its own."""
    for number, start in enumerate(range(0, k, rows)):
        stop = min(start + rows, k)
        draw = torch.Generator(device=device).manual_seed(derive(seed, "sketch", number))
        yield slice(start, stop), torch.randn(stop - start, count, generator=draw, device=device) / math.sqrt(k)


class _Project(torch.autograd.Function):
    """``P x``, or ``P^T x``: linear, so each is the other's gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, seed: int, k: int, count: int, rows: int, transposed: bool) -> Tensor:
        ctx.projection = seed, k, count, rows, transposed
        result = x.new_zeros(count if transposed else k, x.shape[1])
        for part, block in projection_blocks(seed, k, count, rows, x.device):
            if transposed:
                result.addmm_(block.to(x.dtype).t(), x[part])
            else:
                torch.mm(block.to(x.dtype), x, out=result[part])
        return result

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        seed, k, count, rows, transposed = ctx.projection
        return _Project.apply(grads[0], seed, k, count, rows, not transposed), None, None, None, None, None


@register("augmenter", "sketch", example={"ratio": 0.5}, level="latent")
class Sketch(nn.Module):
    """A random projection of the rows, the same one for all views of a step; see :func:`sketch`.

    Its rows are mixtures of nodes with numbers of their own, 0 to k - 1, so it is addressed without a row set. With
    ``info_nce`` between the sketches of two views, without ``intra``, this is COSTA.
    """

    #: All views of a step share one draw, and the rows of the result are not those of the latent.
    one_draw: ClassVar[bool] = True
    own_rows: ClassVar[bool] = True

    def __init__(self, ratio: Ratio = 0.5) -> None:
        """
        Args:
            ratio: Rows of the sketch as a share of the latent's (at least one row).
        """
        super().__init__()
        self.ratio = ratio

    def forward(self, latent: Tensor, *, generator: torch.Generator) -> Tensor:
        """[N, d] -> [k, d]."""
        return sketch(latent, max(1, int(self.ratio * latent.shape[0])), generator=generator)
