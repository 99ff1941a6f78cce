"""One layer of a Transformer over chains: attention and a feed-forward network, each with a residual connection."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphcl.core.errors import UserError
from graphcl.encode.chain_groups import ChainGroups
from graphcl.encode.layer import Dropout
from graphcl.encode.weights import initial

#: BERT's; torch's default would be seen beside the variance of embeddings that start at a deviation of .02.
NORM_EPS = 1e-12


class TransformerLayer(nn.Module):
    """``y = N(x + D(attention(x)))``, ``N(y + D(W2 f(W1 y)))`` with N the layer normalisation and D dropout.

    With ``norm=pre``: ``y = x + D(attention(N(x)))``, ``y + D(W2 f(W1 N(y)))``.

    Args:
        dim: Width d.
        heads: Heads of the attention; they divide d.
        hidden: Width of the feed-forward network.
        activation: f.
        norm: Where the normalisation is.
        causal: Whether a node sees no later ones.
        dropout: Probability of D.
        attention_dropout: Probability that an attention weight is dropped.
        std: Standard deviation of the initial weights.
        generator: Source of the initial weights.

    Raises:
        UserError: heads do not divide the width.
    """

    def __init__(
        self,
        dim: int,
        *,
        heads: int,
        hidden: int,
        activation: Literal["gelu", "relu"],
        norm: Literal["post", "pre"],
        causal: bool,
        dropout: float,
        attention_dropout: float,
        std: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        if dim % heads:
            raise UserError(f"attention: {heads} heads cannot share a width of {dim}; take a multiple")
        self.heads, self.causal, self.pre = heads, causal, norm == "pre"
        self.activation = F.gelu if activation == "gelu" else F.relu
        self.qkv = _linear(dim, 3 * dim, std, generator)
        self.out = _linear(dim, dim, std, generator)
        self.widen = _linear(dim, hidden, std, generator)
        self.narrow = _linear(hidden, dim, std, generator)
        self.norms = nn.ModuleList(nn.LayerNorm(dim, eps=NORM_EPS) for _ in range(2))
        self.attention_dropout = Dropout(attention_dropout, generator=generator)
        self.dropouts = nn.ModuleList(Dropout(dropout, generator=generator) for _ in range(2))

    def forward(self, x: Tensor, groups: ChainGroups, rows: Tensor | None = None) -> Tensor:
        """[n, d] -> [n, d], or [M, d] with ``rows``."""
        seen = self.norms[0](x) if self.pre else x
        attended = groups.attend(self.qkv(seen), self.heads, causal=self.causal, dropout=self.attention_dropout)
        if rows is not None:
            x, attended = x.index_select(0, rows), attended.index_select(0, rows)
        x = x + self.dropouts[0](self.out(attended))
        if self.pre:
            return x + self.dropouts[1](self._feed_forward(self.norms[1](x)))
        x = self.norms[0](x)
        return self.norms[1](x + self.dropouts[1](self._feed_forward(x)))

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.narrow(self.activation(self.widen(x)))


def _linear(in_dim: int, out_dim: int, std: float, generator: torch.Generator) -> nn.Linear:
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, in_dim, out_dim)
    with torch.no_grad():
        layer.weight.copy_(initial((out_dim, in_dim), "normal", generator, std))
        layer.bias.zero_()
    return layer
