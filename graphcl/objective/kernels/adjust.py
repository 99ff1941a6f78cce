"""What happens to a block of logits between the inner product and the sum: weights, then exclusion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.objective.kernels.csr import Csr
from graphcl.objective.kernels.similarity import Temperature

#: ``(similarity [b, N], rows [b], cols [N]) -> log weights [b, N]``; ``rows`` and ``cols`` are positions.
LogWeights = Callable[[Tensor, Tensor, Tensor], Tensor]
#: Dense (True = keep) or sparse (the columns to leave out).
Mask = Tensor | Csr | tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Adjust:
    """Add log weights to a block of logits and set excluded entries to -inf, in place.

    Attributes:
        num_candidates: N.
        log_weights: [N], or a callable of the similarities; a constant: no gradient flows into it.
        keep: [B, N] bool, True = keep.
        exclude: columns left out of each anchor's sum.
        temperature: what the logits were divided by, so that the callable sees similarities.
    """

    num_candidates: int
    log_weights: Tensor | LogWeights | None = None
    keep: Tensor | None = None
    exclude: tuple[Csr, ...] = ()
    temperature: Temperature = 1.0

    @property
    def active(self) -> bool:
        """Whether there is anything to do."""
        return self.log_weights is not None or self.keep is not None or bool(self.exclude)

    def __call__(self, block: Tensor, start: int) -> Tensor:
        """Adjust the logits of anchors ``start`` to ``start + len(block)``; in place, and returned."""
        stop = start + block.shape[0]
        if self.log_weights is not None:
            block.add_(self._weights(block.detach(), start, stop))
        if self.keep is not None:
            block.masked_fill_(~self.keep[start:stop], -torch.inf)
        for csr in self.exclude:
            part = csr.between(start, stop)
            block.view(-1).index_fill_(0, part.rows * block.shape[1] + part.indices, -torch.inf)
        return block

    @torch.no_grad()
    def _weights(self, block: Tensor, start: int, stop: int) -> Tensor:
        if isinstance(self.log_weights, Tensor):
            return self.log_weights.detach().to(block.dtype)
        assert self.log_weights is not None
        scale = self.temperature
        if isinstance(scale, Tensor):
            scale = scale.detach().to(block.dtype)
            scale = scale.reshape(()) if scale.numel() == 1 else scale[start:stop].unsqueeze(-1)
        rows = torch.arange(start, stop, device=block.device)
        return self.log_weights(block * scale, rows, self._columns.to(block.device)).to(block.dtype)

    @cached_property
    def _columns(self) -> Tensor:
        return torch.arange(self.num_candidates)


def build_adjust(
    num_anchors: int,
    num_candidates: int,
    *,
    log_weights: Tensor | LogWeights | None = None,
    mask: Mask | None = None,
    exclude: tuple[Csr, ...] = (),
    temperature: Temperature = 1.0,
) -> Adjust:
    """Check shapes and sort a mask into its dense or sparse place.

    Raises:
        UserError: a mask or log weights of another shape than [B, N] or [N].
    """
    keep = None
    if isinstance(mask, Tensor):
        if mask.shape != (num_anchors, num_candidates) or mask.dtype != torch.bool:
            raise UserError(
                f"mask is {mask.dtype} {list(mask.shape)}; give bool [{num_anchors}, {num_candidates}] (True = keep)"
                " or the sparse pair (indptr, indices) of what to leave out"
            )
        keep = mask
    elif mask is not None:
        exclude = (*exclude, Csr(*mask))
    for csr in exclude:
        if csr.indptr.numel() != num_anchors + 1:
            raise UserError(f"indptr has {csr.indptr.numel()} entries; {num_anchors} anchors need {num_anchors + 1}")
    if isinstance(log_weights, Tensor) and log_weights.shape != (num_candidates,):
        raise UserError(f"log_weights has shape {list(log_weights.shape)}; give one for each of {num_candidates}")
    return Adjust(num_candidates, log_weights, keep, exclude, temperature)
