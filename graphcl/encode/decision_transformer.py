"""The Transformer over histories that is told the return to come."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphcl.core.errors import UserError
from graphcl.core.options import Count, DropProbability, Positive
from graphcl.core.registry import register
from graphcl.encode.base import RETURNS, Encoding, Graph, View
from graphcl.encode.chain_groups import ChainGroups
from graphcl.encode.chains import Chains, embed_items, ends, item_parameters, read_chains, refuse_long
from graphcl.encode.layer import Dropout
from graphcl.encode.transformer_layer import NORM_EPS, TransformerLayer
from graphcl.encode.weights import initial


def embed_returns(returns: Tensor, score: Tensor, mix: Tensor, anchors: Tensor) -> Tensor:
    """DT4IER's high-dimensional encoder: a return is a mixture of learned buckets (Liu et al., 2024).

    ``s = f(A r)``, ``p = softmax(s + W s)``, and the embedding is ``sum_k p_k anchor_k``, f being a leaky ReLU.

    Args:
        returns: [n, k] r.
        score: [buckets, k] A.
        mix: [buckets, buckets] W.
        anchors: [buckets, d].

    Returns:
        [n, d].
    """
    scores = F.leaky_relu(returns @ score.T)
    return (scores + scores @ mix.T).softmax(1) @ anchors


@register(
    "tower",
    "decision_transformer",
    example={"dim": 4, "num_layers": 2, "heads": 2, "buckets": 5, "dropout": 0.0, "attention_dropout": 0.0,
             "init_std": 0.5},
    multiples={"dim": "heads"},
)  # fmt: skip
class DecisionTransformer(nn.Module):
    """A causal Transformer over (item, return to go) tokens (Chen et al., NeurIPS 2021; DT4IER, Liu et al., 2024).

    Each node is two tokens of one position: its item, and the return ``rtg`` [n, 2] that is to come after it, to whose
    embedding the item's is added (the state need not be found by attention first, which learns slowly). The latent of a
    node is that of its second token, so it knows the items up to its own and the return asked of what follows. Of the
    (return, state, action) of a decision Transformer, state and action are one token here: what a state changes by is
    the item that was taken.

    Returns are weighed for each user before they are embedded (:func:`embed_returns`): by twice the softmax of a linear
    map of the mean embedding of the items so far. The buckets' anchors are a linear map of fixed points, as the
    authors' are; their points are scaled to at most 1.

    Attributes:
        tables: ``item`` -> [num_items, dim].
        mask_token: [1, dim], what a hidden item shows.
        causal: True: a node's latent depends on its past, itself and its return alone.
    """

    causal = True
    points: Tensor

    def __init__(
        self,
        dim: Count = 64,
        num_layers: Count = 2,
        heads: Count = 2,
        hidden_mult: Count = 4,
        buckets: Count = 100,
        dropout: DropProbability = 0.5,
        attention_dropout: DropProbability = 0.5,
        max_len: Count = 50,
        init_std: Positive = 0.02,
        *,
        graph: Graph,
        generator: torch.Generator,
    ) -> None:
        """
        Args:
            dim: Width of the embeddings and of every layer.
            num_layers: Number of layers.
            heads: Heads of every layer; they divide dim.
            hidden_mult: Width of the feed-forward network, in dims.
            buckets: Buckets of a return.
            dropout: Probability that an entry of the input, or of what a part of a layer adds to it, is dropped.
            attention_dropout: Probability that an attention weight is dropped.
            max_len: Nodes of the longest chain.
            init_std: Standard deviation of the initial embeddings and weights.
            graph: The training chains, for the number of items (supplied).
            generator: Source of the initial weights (supplied).

        Raises:
            UserError: heads do not divide dim, or the graph is not one of chains.
        """
        super().__init__()
        self.max_len, self.out_dim = max_len, dim
        self.tables, self.mask_token = item_parameters(graph, dim, init_std, generator)

        def made(rows: int, columns: int, std: float = init_std) -> nn.Parameter:
            return nn.Parameter(initial((rows, columns), "normal", generator, std))

        self.positions, self.kinds = made(max_len, dim), made(2, dim)
        self.balance = made(2, dim)
        # Scores of one size with the returns, else all buckets share alike and a return is hardly seen at first.
        self.score, self.mix, self.anchor_map = made(buckets, 2, 1.0), made(buckets, buckets), made(dim, 2)
        self.anchor_shift = made(buckets, dim)
        points = torch.arange(2 * buckets, dtype=torch.get_default_dtype()).view(buckets, 2)
        self.register_buffer("points", points / max(2 * buckets - 1, 1), persistent=False)
        self.norm = nn.LayerNorm(dim, eps=NORM_EPS)
        self.dropout = Dropout(dropout, generator=generator)
        self.layers = nn.ModuleList(
            TransformerLayer(
                dim, heads=heads, hidden=hidden_mult * dim, activation="gelu", norm="post", causal=True,
                dropout=dropout, attention_dropout=attention_dropout, std=init_std, generator=generator,
            )
            for _ in range(num_layers)
        )  # fmt: skip

    def forward(self, view: View, rows: Tensor | None = None) -> Encoding:
        """Encode all nodes, or ``rows`` of them; ``graphs`` [G, d] are the chains' ends, where they are among them.

        Raises:
            UserError: chains without returns, or one of more nodes than there are positions.
        """
        chains = read_chains(view.graph)
        tokens = self._embed(chains, self._returns(view.graph))
        groups = ChainGroups(2 * chains.lengths)
        nodes = torch.arange(len(chains.item), device=tokens.device)
        layers = [tokens.index_select(0, 2 * nodes + 1)]
        for position, layer in enumerate(cast("Iterable[TransformerLayer]", self.layers)):
            if position < len(self.layers) - 1:
                tokens = layer(tokens, groups, None)
                layers.append(tokens.index_select(0, 2 * nodes + 1))
            else:  # of the last layer only the second tokens are ever read
                layers.append(layer(tokens, groups, 2 * (nodes if rows is None else rows) + 1))
        return Encoding(layers[-1], layers, ends(layers[-1], chains, rows), rows=rows)

    def _returns(self, graph: Graph) -> Tensor:
        returns = graph.get(RETURNS)
        if returns is None:
            raise UserError(
                "decision_transformer: the histories have no returns; set data.returns={}, and let no augmenter of the "
                "view drop them (views.NAME.augment: ask_returns gives some to any history)"
            )
        return returns.to(self.positions.dtype)

    def _embed(self, chains: Chains, returns: Tensor) -> Tensor:
        """[2 n, d], the tokens of each node after each other."""
        refuse_long(chains, self.max_len, "decision_transformer")
        items = embed_items(self.tables["item"], self.mask_token, chains.item)
        weighed = 2 * (mean_so_far(items, chains) @ self.balance.T).softmax(1) * returns
        asked = embed_returns(weighed, self.score, self.mix, self.points @ self.anchor_map.T + self.anchor_shift)
        places = self.positions.index_select(0, chains.pos)
        tokens = torch.stack([items + self.kinds[0], items + asked + self.kinds[1]], dim=1) + places[:, None]
        return self.dropout(self.norm(tokens.flatten(0, 1)))


def mean_so_far(x: Tensor, chains: Chains) -> Tensor:
    """[n, d], the mean of the rows of each node's chain up to its own."""
    total = torch.cat([x.new_zeros(1, x.shape[1]), x.cumsum(0)])
    before = total.index_select(0, chains.ptr[:-1].index_select(0, chains.batch))
    return (total[1:] - before) / (chains.pos + 1)[:, None]
