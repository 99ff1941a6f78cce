"""The context-aware selector of GAugLLM: how much each expert counts for each node.

Source: Fang, Fan, Zha, Tan, "GAugLLM: Improving Graph Contrastive Learning for Text-Attributed Graphs with Large
Language Models", KDD 2024; the form is that of the authors' code, but for the similarity, which is normalised here: of
unnormalised embeddings the softmax is nearly one-hot from the first step on.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphcl.encode.weights import make_linear


def expert_weights(
    content: Tensor, context: Tensor, first: nn.Linear, second: nn.Linear, temperature: float
) -> Tensor:
    """``softmax((W2 [u_1; ...; u_m] + b2 + r) / tau)``, with ``u_i = LeakyReLU(W1 h_i + b1)`` and
    ``r_i = cos(h_i, c_i)``.

    Args:
        content: [N, m, d], h_i.
        context: [N, m, d], c_i; a row of zeros is like nothing (r = 0).
        first: W1, b1, which all experts share: d -> k.
        second: W2, b2: m k -> m.
        temperature: tau.

    Returns:
        [N, m], rows that sum to 1.
    """
    scores = second(F.leaky_relu(first(content)).flatten(1))
    return torch.softmax((scores + F.cosine_similarity(content, context, dim=2)) / temperature, dim=1)


def mixed(content: Tensor, weights: Tensor) -> Tensor:
    """[N, d]: ``sum_i alpha_i h_i`` of ``content`` [N, m, d] and ``weights`` [N, m]."""
    return (weights.unsqueeze(2) * content).sum(1)


class Selector(nn.Module):
    """:func:`expert_weights` with weights of its own.

    Args:
        experts: m.
        dim: d; the inner width is half of it.
        temperature: tau.
        generator: Source of the initial weights.
    """

    def __init__(self, experts: int, dim: int, temperature: float, *, generator: torch.Generator) -> None:
        super().__init__()
        inner = max(dim // 2, 1)
        self.first = make_linear(dim, inner, generator=generator)
        self.second = make_linear(experts * inner, experts, generator=generator)
        self.temperature = temperature

    def forward(self, content: Tensor, context: Tensor) -> Tensor:
        """[N, m]."""
        return expert_weights(content, context, self.first, self.second, self.temperature)
