"""The Transformer over histories."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, cast

import torch
from torch import Tensor, nn

from graphcl.core.options import Count, DropProbability, Positive
from graphcl.core.registry import register
from graphcl.encode.base import Encoding, Graph, View
from graphcl.encode.chain_groups import ChainGroups
from graphcl.encode.chains import Chains, embed_items, ends, item_parameters, read_chains, refuse_long
from graphcl.encode.layer import Dropout
from graphcl.encode.transformer_layer import NORM_EPS, TransformerLayer
from graphcl.encode.weights import initial


@register(
    "tower",
    "chain_transformer",
    example={"dim": 4, "num_layers": 2, "heads": 2, "dropout": 0.0, "attention_dropout": 0.0, "init_std": 0.5},
    multiples={"dim": "heads"},
)
class ChainTransformer(nn.Module):
    """SASRec's causal Transformer over chains of items (Kang and McAuley, ICDM 2018, section III).

    Items and positions (by default from the chain's start) are embedded, added, normalised and dropped out; then come
    the layers. Not causal, it is BERT4Rec's (Sun et al., CIKM 2019). Nothing is padded but inside attention, where
    chains of near-equal length are computed together; the result is that of the masked form over padded chains.

    The defaults are those of the implementations that methods are compared in (normalisation after each residual
    connection, gelu); SASRec's paper has ``norm=pre, activation=relu, heads=1, hidden_mult=1``.

    Attributes:
        tables: ``item`` -> [num_items, dim].
        mask_token: [1, dim], what a hidden item shows.
        causal: whether a node's latent depends on its past and itself alone.
    """

    def __init__(
        self,
        dim: Count = 64,
        num_layers: Count = 2,
        heads: Count = 2,
        hidden_mult: Count = 4,
        activation: Literal["gelu", "relu"] = "gelu",
        norm: Literal["post", "pre"] = "post",
        causal: bool = True,
        dropout: DropProbability = 0.5,
        attention_dropout: DropProbability = 0.5,
        max_len: Count = 50,
        count_from: Literal["start", "end"] = "start",
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
            activation: Of the feed-forward network.
            norm: Layer normalisation after each residual connection (post), or before each part of a layer and once
                more at the end (pre).
            causal: Whether a node sees its past and itself alone, else its whole chain.
            dropout: Probability that an entry of the input, or of what a part of a layer adds to it, is dropped.
            attention_dropout: Probability that an attention weight is dropped.
            max_len: Nodes of the longest chain.
            count_from: Where positions are counted from: the first item of a chain, or the last one, so that what is
                asked at the end of a history has the position it was trained at, however long the history is.
            init_std: Standard deviation of the initial embeddings and weights.
            graph: The training chains, for the number of items (supplied).
            generator: Source of the initial weights (supplied).

        Raises:
            UserError: heads do not divide dim, or the graph is not one of chains.
        """
        super().__init__()
        self.causal, self.max_len, self.out_dim, self.count_from = causal, max_len, dim, count_from
        self.tables, self.mask_token = item_parameters(graph, dim, init_std, generator)
        self.positions = nn.Parameter(initial((max_len, dim), "normal", generator, init_std))
        self.norm = nn.LayerNorm(dim, eps=NORM_EPS)
        self.dropout = Dropout(dropout, generator=generator)
        self.layers = nn.ModuleList(
            TransformerLayer(
                dim, heads=heads, hidden=hidden_mult * dim, activation=activation, norm=norm, causal=causal,
                dropout=dropout, attention_dropout=attention_dropout, std=init_std, generator=generator,
            )
            for _ in range(num_layers)
        )
        self.last_norm = nn.LayerNorm(dim, eps=NORM_EPS) if norm == "pre" else None

    def forward(self, view: View, rows: Tensor | None = None) -> Encoding:
        """Encode all nodes, or ``rows`` of them; ``graphs`` [G, d] are the chains' ends, where they are among them.

        Raises:
            UserError: a chain of more nodes than there are positions.
        """
        chains = read_chains(view.graph)
        groups = ChainGroups(chains.lengths)
        latents = [self._embed(chains)]
        last = len(self.layers) - 1
        for position, layer in enumerate(cast("Iterable[TransformerLayer]", self.layers)):
            latents.append(layer(latents[-1], groups, rows if position == last else None))
        if self.last_norm is not None:
            latents[-1] = self.last_norm(latents[-1])
        return Encoding(latents[-1], latents, ends(latents[-1], chains, rows), rows=rows)

    def _embed(self, chains: Chains) -> Tensor:
        refuse_long(chains, self.max_len, "chain_transformer")
        items = embed_items(self.tables["item"], self.mask_token, chains.item)
        places = chains.pos if self.count_from == "start" else chains.from_end
        return self.dropout(self.norm(items + self.positions.index_select(0, places)))
