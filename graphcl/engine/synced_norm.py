"""Batch normalisation over the rows of all ranks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphcl.engine.distributed import Ranks


class SyncedBatchNorm(nn.BatchNorm1d):
    """Batch normalisation whose training statistics are those of all ranks together, on any device.

    Equals ``nn.BatchNorm1d`` of the concatenated rows. (torch's ``SyncBatchNorm`` knows GPUs only.)
    """

    def __init__(self, norm: nn.BatchNorm1d, ranks: Ranks) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        self.ranks = ranks
        # The same tensors, not copies: a teacher or an optimizer may hold them.
        for name, parameter in norm.named_parameters():
            self.register_parameter(name, parameter)
        for name, buffer in norm.named_buffers():
            self.register_buffer(name, buffer)
        self.train(norm.training)

    def forward(self, input: Tensor) -> Tensor:
        """[n, d] or [n, d, l] of this rank -> the same shape."""
        if not self.training and self.running_mean is not None:
            return super().forward(input)
        over = [0, *range(2, input.dim())]
        shape = [1, -1, *[1] * (input.dim() - 2)]
        rows = input.new_tensor([float(input.numel() // max(input.shape[1], 1))])
        total = self.ranks.add_(rows.clone())
        if float(total) < 2 and self.running_mean is not None:  # one row has no variance
            return nn.functional.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        mean = self.ranks.sum(input.sum(over)) / total
        centred = input - mean.view(shape)
        variance = self.ranks.sum(centred.square().sum(over)) / total
        self._follow(mean.detach(), variance.detach() * total / (total - 1).clamp_min(1.0))
        result = centred * torch.rsqrt(variance + self.eps).view(shape)
        return result * self.weight.view(shape) + self.bias.view(shape) if self.affine else result

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        if not self.training or self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        momentum = 1.0 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), momentum)
        self.running_var.lerp_(variance.to(self.running_var.dtype), momentum)


def sync_norms(module: nn.Module, ranks: Ranks) -> None:
    """Make every batch normalisation inside one over all ranks; nothing where there is one rank."""
    if ranks.count == 1:
        return
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm1d) and not isinstance(child, SyncedBatchNorm):
                setattr(parent, name, SyncedBatchNorm(child, ranks))
