"""One layer of weights: dropout, linear map, optional propagation, bias, batch normalisation, activation."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphcl.core.errors import UserError
from graphcl.core.seeds import derive
from graphcl.encode.linear_layers import Activation, Affine, Linear, LinearLayer, Propagate
from graphcl.encode.sparse_input import multiply
from graphcl.encode.weights import make_linear
from graphcl.graph.operators import Operator

ActivationName = Literal["none", "relu", "prelu", "elu", "gelu"]


class Dropout(nn.Module):
    """Dropout whose masks are derived from a seed and the number of calls, so a resumed run draws the same ones."""

    calls: Tensor

    def __init__(self, p: float, *, generator: torch.Generator) -> None:
        super().__init__()
        self.p = p
        self.seed = int(torch.randint(2**62, (), generator=generator))
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    @property
    def active(self) -> bool:
        """Whether anything is dropped now."""
        return self.training and self.p > 0.0

    def forward(self, x: Tensor) -> Tensor:
        """Entries are 0 with probability p and divided by 1 - p otherwise; nothing happens in evaluation."""
        if not self.active:
            return x
        seed = derive(self.seed, "dropout", int(self.calls))
        generator = torch.Generator(device=x.device).manual_seed(seed)
        self.calls += 1
        keep = torch.rand(x.shape, generator=generator, device=x.device) >= self.p
        return x * keep / (1.0 - self.p)


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation that takes a batch of one row, which has no variance, by its running statistics."""

    def forward(self, x: Tensor) -> Tensor:
        """[N, d] -> [N, d]."""
        if self.training and x.shape[0] < 2:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        return super().forward(x)


def activate(x: Tensor, name: ActivationName, slope: Tensor | None) -> Tensor:
    """The activation of that name; ``slope`` is prelu's below 0."""
    if name == "relu":
        return F.relu(x)
    if name == "elu":
        return F.elu(x)
    if name == "gelu":
        return F.gelu(x)
    if slope is not None:
        return F.relu(x) - slope * F.relu(-x)
    return x


class Layer(nn.Module):
    """``f(BN(A (dropout(x) W) + b))``; without an operator A is the identity."""

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        *,
        activation: ActivationName = "none",
        batch_norm: bool = False,
        dropout: float = 0.0,
        glorot: bool = False,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.activation = activation
        self.linear = make_linear(in_dim, out_dim, glorot=glorot, generator=generator)
        self.dropout = Dropout(dropout, generator=generator)
        self.norm = BatchNorm(out_dim) if batch_norm else None
        self.slope = nn.Parameter(torch.tensor(0.25)) if activation == "prelu" else None

    def forward(self, x: Tensor, operator: Operator | None = None, rows: Tensor | None = None) -> Tensor:
        """[N, in] -> [N, out], or [M, out] with ``rows``."""
        x = multiply(self.dropout(x), self.linear.weight)
        # Batch statistics are those of all nodes, whoever reads which of them.
        late = self.norm is not None and self.training
        if operator is not None:
            x = operator.propagate(x, None if late else rows)
        elif rows is not None and not late:
            x = x.index_select(0, rows)
        x = x + self.linear.bias
        if self.norm is not None:
            x = self.norm(x)
        if rows is not None and late:
            x = x.index_select(0, rows)
        return activate(x, self.activation, self.slope)

    @torch.no_grad()
    def in_blocks(self, x: Tensor, operator: Operator | None, size: int) -> Tensor:
        """The layer in evaluation mode, ``size`` nodes at a time: nothing but the result is as high as the graph.

        ``(A x) W`` in the place of ``A (x W)``, which differs by rounding only.
        """
        result, weight = x.new_empty(x.shape[0], self.linear.weight.shape[0]), self.linear.weight
        for rows in torch.arange(x.shape[0]).split(size):
            block = x.index_select(0, rows) if operator is None else operator.propagate(x, rows)
            block = F.linear(block.to(weight.device), weight, self.linear.bias)
            block = block if self.norm is None else self.norm(block)
            result[rows] = activate(block, self.activation, self.slope).to(result.device)
        return result

    def linear_layers(self, norm: str | None) -> list[LinearLayer]:
        """The layer in evaluation mode, with propagation under ``norm`` (None for none).

        Raises:
            UserError: an activation that is not piecewise linear.
        """
        if self.activation in ("elu", "gelu"):
            raise UserError(
                f"activation '{self.activation}' is not piecewise linear; choose relu or prelu to bound the encoder"
            )
        parts: list[LinearLayer] = [Linear(self.linear.weight.T)]
        if norm is not None:
            parts.append(Propagate(norm))
        parts.append(Affine(None, self.linear.bias))
        if self.norm is not None:
            parts.append(_folded(self.norm))
        if self.activation != "none":
            parts.append(Activation(0.0 if self.slope is None else self.slope))
        return parts


def _folded(norm: nn.BatchNorm1d) -> Affine:
    """Batch normalisation with its running statistics."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    # A copy: in training mode the next forward pass changes the mean before the backward pass has read it.
    return Affine(scale, norm.bias - norm.running_mean.clone() * scale)
