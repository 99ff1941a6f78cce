"""The recurrent network over histories."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from graphcl.core.options import Count, DropProbability, Positive
from graphcl.core.registry import register
from graphcl.encode.base import Encoding, Graph, View
from graphcl.encode.chains import Chains, embed_items, ends, item_parameters, read_chains
from graphcl.encode.layer import Dropout
from graphcl.encode.weights import make_linear, uniform


@register("tower", "chain_gru", example={"dim": 4, "hidden": 6, "dropout": 0.0, "init_std": 0.5})
class ChainGRU(nn.Module):
    """GRU4Rec over chains of items (Hidasi et al., ICLR 2016; Tan et al., 2016, for the dropout of embeddings).

    Items are embedded, dropped out, read by a gated recurrent unit, whose states a linear map brings to the width of
    the embeddings. Chains go through it packed, without padding.

    Attributes:
        tables: ``item`` -> [num_items, dim].
        mask_token: [1, dim], what a hidden item shows.
        causal: True: a node's latent depends on its past and itself alone.
    """

    causal = True

    def __init__(
        self,
        dim: Count = 64,
        hidden: Count = 128,
        num_layers: Count = 1,
        dropout: DropProbability = 0.3,
        init_std: Positive = 0.02,
        *,
        graph: Graph,
        generator: torch.Generator,
    ) -> None:
        """
        Args:
            dim: Width of the embeddings and of the output.
            hidden: Width of the recurrent states.
            num_layers: Recurrent layers, one above the other.
            dropout: Probability that an entry of an embedding is dropped.
            init_std: Standard deviation of the initial embeddings.
            graph: The training chains, for the number of items (supplied).
            generator: Source of the initial weights (supplied).

        Raises:
            UserError: the graph is not one of chains.
        """
        super().__init__()
        self.out_dim = dim
        self.tables, self.mask_token = item_parameters(graph, dim, init_std, generator)
        self.dropout = Dropout(dropout, generator=generator)
        self.gru = nn.GRU(dim, hidden, num_layers, device="meta").to_empty(device="cpu")  # torch's own draws are global
        with torch.no_grad():
            for weight in self.gru.parameters():
                weight.copy_(uniform(tuple(weight.shape), hidden**-0.5, generator))
        self.dense = make_linear(hidden, dim, generator=generator)

    def forward(self, view: View, rows: Tensor | None = None) -> Encoding:
        """Encode all nodes, or ``rows`` of them; ``graphs`` [G, d] are the chains' ends, where they are among them."""
        chains = read_chains(view.graph)
        x = self.dropout(embed_items(self.tables["item"], self.mask_token, chains.item))
        order = by_step(chains)
        steps = torch.bincount(chains.pos).cpu()
        states = self.gru(PackedSequence(x.index_select(0, order), steps))[0].data
        states = states.index_select(0, order.argsort() if rows is None else order.argsort().index_select(0, rows))
        nodes = self.dense(states)
        return Encoding(nodes, [x, nodes], ends(nodes, chains, rows), rows=rows)


def by_step(chains: Chains) -> Tensor:
    """[n] the nodes, first those of age 0, then of age 1 and so on, in each the longest chain's first."""
    longest_first = (-chains.lengths.index_select(0, chains.batch)).argsort(stable=True)
    return longest_first.index_select(0, chains.pos.index_select(0, longest_first).argsort(stable=True))
