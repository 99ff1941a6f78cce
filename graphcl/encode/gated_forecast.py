"""The forecaster of all metrics at once, each with gates of its own over the metrics that it reads."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from graphcl.core.errors import UserError
from graphcl.core.options import Count, Index
from graphcl.core.registry import register
from graphcl.encode.base import Graph, View
from graphcl.encode.layer import ActivationName, activate
from graphcl.encode.weights import group_norms, uniform


@register("head", "gated_forecast", example={"sources": 2, "hidden": 3})
class GatedForecast(nn.Module):
    """A perceptron for each target over the latents of all sources (cMLP, Tank et al., TPAMI 2021, section 3).

    ``y_i = w_i . f(sum_j W_ij z_j + b_i) + c_i``, with z_j the latent of metric j. A source whose weights W_ij are 0
    has no part in the forecast of target i: with the regularizer `group_lasso` on ``inward`` these are the sources
    that do not help. All targets are computed in one product.

    ``gate: attention`` is RUN's as its code has it (Lin et al., AAAI 2024; TCDF, Nauta et al., 2019): W_ij is
    multiplied by ``softmax(a_i)_j`` with a learnt, 1 at first. W can undo it, so that a alone is weak evidence.

    Attributes:
        inward: [targets, hidden, sources, width], the weights W.
        attention: [targets, sources], a; None without.
    """

    def __init__(
        self,
        sources: Index = 0,
        hidden: Count = 16,
        activation: ActivationName = "relu",
        gate: Literal["weights", "attention"] = "weights",
        *,
        in_dim: int,
        graph: Graph,
        generator: torch.Generator,
    ) -> None:
        """
        Args:
            sources: Metrics whose latents lie side by side; 0 takes the columns of the table. As many are the targets.
            hidden: Hidden units of each target.
            activation: Of the hidden units.
            gate: What says how much a target reads of a source: its weights themselves, or an attention beside them.
            in_dim: Width of the latent (supplied).
            graph: Training windows, for the number of metrics (supplied).
            generator: Source of the initial weights (supplied).

        Raises:
            UserError: the latent does not divide into the sources.
        """
        super().__init__()
        self.out_dim = count = sources or int(graph.x.shape[1])
        if in_dim % count:
            raise UserError(f"gated_forecast: a latent of {in_dim} columns has no equal parts for {count} metrics")
        self.activation = activation
        shape = (count, hidden, count, in_dim // count)
        self.inward = nn.Parameter(uniform(shape, in_dim**-0.5, generator))
        self.bias = nn.Parameter(uniform((count * hidden,), 0.1, generator))
        self.outward = nn.Parameter(uniform((count, hidden), hidden**-0.5, generator))
        self.offset = nn.Parameter(torch.zeros(count))
        self.attention = nn.Parameter(torch.ones(count, count)) if gate == "attention" else None
        self.slope = nn.Parameter(torch.tensor(0.25)) if activation == "prelu" else None

    def forward(self, latent: Tensor, view: View | None = None) -> Tensor:
        """[n, sources * width] -> [n, targets]."""
        return self._outputs(latent @ self._gated().flatten(2).flatten(0, 1).T + self.bias)

    def _gated(self) -> Tensor:
        """The weights W, each source's under its gate."""
        if self.attention is None:
            return self.inward
        return self.inward * self.attention.softmax(1)[:, None, :, None]

    def _outputs(self, before: Tensor) -> Tensor:
        """[n, targets] from the sums [n, targets * hidden] before the activation."""
        hidden = activate(before, self.activation, self.slope).view(len(before), *self.outward.shape)
        return torch.einsum("nih,ih->ni", hidden, self.outward) + self.offset

    @torch.no_grad()
    def weights(self) -> Tensor:
        """[targets, sources]: how much of each source a target reads, ``||W_ij||``, or the attention a."""
        return group_norms(self.inward) if self.attention is None else self.attention.detach().clone()

    @torch.no_grad()
    def permuted_rise(self, latent: Tensor, target: Tensor, *, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """By how much the squared error of a target rises when a source's rows are shuffled.

        The check of TCDF (Nauta et al., MAKE 2019): a source that is read but does not help scores about 0.

        Args:
            latent: [n, sources * width].
            target: [n, targets].
            generator: Source of the shuffles, one for each source.

        Returns:
            [targets, sources], the mean rise, and its standard error over the rows.
        """
        weights = self._gated()
        before = latent @ weights.flatten(2).flatten(0, 1).T + self.bias
        error = (self._outputs(before) - target).square()
        parts, means, errors = latent.view(len(latent), self.out_dim, -1), [], []
        for source in range(self.out_dim):
            order = torch.randperm(len(latent), generator=generator).to(latent.device)
            change = parts[:, source].index_select(0, order) - parts[:, source]
            moved = before + change @ weights[:, :, source].flatten(0, 1).T
            rise = (self._outputs(moved) - target).square() - error
            means.append(rise.mean(0))
            errors.append(rise.std(0, correction=0) / max(len(rise) - 1, 1) ** 0.5)
        return torch.stack(means, dim=1), torch.stack(errors, dim=1)
