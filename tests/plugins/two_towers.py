"""Two towers over records of a text and a graph; the text tower is the plugin's own, written as people write them."""

from __future__ import annotations

from torch import Tensor, nn

import graphcl
from graphcl.core.options import Count, DropProbability
from graphcl.encode.base import Encoding, Graph, View
from graphcl.encode.pooling import pool_graph


@graphcl.register("tower", "token_bag", example={"dim": 4})
class TokenBag(nn.Module):
    """The mean of the embeddings of a text's tokens, through a perceptron.

    Its weights and its dropout come from torch's global generator, as in most code one finds: the engine seeds it.
    """

    def __init__(self, dim: Count = 16, dropout: DropProbability = 0.1, *, graph: Graph) -> None:
        """
        Args:
            dim: Width of the latents.
            dropout: Share of the entries of each token's embedding that are dropped.
        """
        super().__init__()
        self.out_dim = dim
        self.embed = nn.Linear(graph.num_features, dim, bias=False)
        self.mlp = nn.Sequential(nn.Dropout(dropout), nn.Linear(dim, dim), nn.Tanh(), nn.Linear(dim, dim))

    def forward(self, view: View, rows: Tensor | None = None) -> Encoding:
        """Latents of the tokens and of the texts."""
        tokens = self.embed(view.graph.x)
        nodes = self.mlp(tokens)
        return Encoding(nodes if rows is None else nodes.index_select(0, rows), [tokens, nodes], rows=rows,
                        graphs=pool_graph(nodes, view.graph, "mean"))

