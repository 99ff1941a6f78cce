"""The gated graph network over the items of a session."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from graphcl.core.options import Count, Positive
from graphcl.core.registry import register
from graphcl.encode.base import Encoding, Graph, View
from graphcl.encode.chains import Chains, embed_items, ends, item_parameters, read_chains
from graphcl.encode.pooling import pool
from graphcl.encode.weights import make_linear, uniform


@dataclass(frozen=True)
class Sessions:
    """Each chain as the graph of its distinct items.

    Attributes:
        item: [m] of the distinct items, chain after chain.
        of_node: [n] which of them each node of a chain is.
        edges: [2, e] from item to next item, once for each time it happened.
    """

    item: Tensor
    of_node: Tensor
    edges: Tensor


def read_sessions(chains: Chains) -> Sessions:
    """The graphs of the chains' distinct items; a hidden item is one too."""
    base = chains.num_items + 1
    keys, of_node = torch.unique(chains.batch * base + chains.item, return_inverse=True)
    later = (chains.pos > 0).nonzero().view(-1)
    edges = torch.stack([of_node.index_select(0, later - 1), of_node.index_select(0, later)])
    return Sessions(keys % base, of_node, edges)


@register("tower", "session_gnn", example={"dim": 4, "init_std": 0.5})
class SessionGNN(nn.Module):
    """SR-GNN (Wu et al., AAAI 2019): a gated graph network over each chain's distinct items.

    In a step an item receives the mean of the items that followed it and of those that came before it (by how often),
    each through a linear map, and a gated unit makes its new state of both. The latent of a node is a linear map of
    its own state beside the chain's, which is ``sum_i a_i v_i`` with ``a_i = q . sigmoid(W1 v_last + W2 v_i + c)``.
    At the chain's end that is SR-GNN's session.

    A node's latent depends on the whole chain, on later items too: only a chain's end may predict what comes next
    (row layout ``prefix``).

    Attributes:
        tables: ``item`` -> [num_items, dim].
        mask_token: [1, dim], what a hidden item shows.
        causal: False: a node's latent depends on later items too.
    """

    causal = False

    def __init__(
        self,
        dim: Count = 64,
        num_steps: Count = 1,
        init_std: Positive = 0.1,
        *,
        graph: Graph,
        generator: torch.Generator,
    ) -> None:
        """
        Args:
            dim: Width of the embeddings and of the output.
            num_steps: Steps of the gated unit, which all share its weights.
            init_std: Standard deviation of the initial embeddings.
            graph: The training chains, for the number of items (supplied).
            generator: Source of the initial weights (supplied).

        Raises:
            UserError: the graph is not one of chains.
        """
        super().__init__()
        self.num_steps, self.out_dim = num_steps, dim
        self.tables, self.mask_token = item_parameters(graph, dim, init_std, generator)
        self.after, self.before = (make_linear(dim, dim, generator=generator) for _ in range(2))
        self.cell: nn.GRUCell = nn.utils.skip_init(nn.GRUCell, 2 * dim, dim)
        with torch.no_grad():
            for weight in self.cell.parameters():
                weight.copy_(uniform(tuple(weight.shape), dim**-0.5, generator))
        self.of_last, self.of_each = (
            make_linear(dim, dim, bias=bias, generator=generator) for bias in (False, True)
        )
        self.score = make_linear(dim, 1, bias=False, generator=generator)
        self.merge = make_linear(2 * dim, dim, bias=False, generator=generator)

    def forward(self, view: View, rows: Tensor | None = None) -> Encoding:
        """Encode all nodes, or ``rows`` of them; ``graphs`` [G, d] are the chains' ends, where they are among them."""
        chains = read_chains(view.graph)
        sessions = read_sessions(chains)
        states = embed_items(self.tables["item"], self.mask_token, sessions.item)
        embedded = states.index_select(0, sessions.of_node)
        source, target = sessions.edges
        for _ in range(self.num_steps):
            received = [
                _mean(self.after(states), target, source),
                _mean(self.before(states), source, target),
            ]
            states = self.cell(torch.cat(received, dim=1), states)
        own = states.index_select(0, sessions.of_node)
        whole, batch = self._attend(own, chains), chains.batch
        if rows is not None:
            own, batch = own.index_select(0, rows), batch.index_select(0, rows)
        nodes = self.merge(torch.cat([own, whole.index_select(0, batch)], dim=1))
        return Encoding(nodes, [embedded, nodes], ends(nodes, chains, rows), rows=rows)

    def _attend(self, own: Tensor, chains: Chains) -> Tensor:
        """[G, d], of the states of all nodes [n, d]."""
        last = self.of_last(own.index_select(0, chains.last)).index_select(0, chains.batch)
        weight = self.score(torch.sigmoid(last + self.of_each(own)))
        return pool(weight * own, chains.batch, len(chains.lengths), "sum")


def _mean(values: Tensor, givers: Tensor, takers: Tensor) -> Tensor:
    """[m, d], for each taker the mean of what its givers have; 0 for one without. Can be differentiated twice."""
    count = torch.bincount(takers, minlength=len(values)).clamp_min(1)
    given = values.index_select(0, givers) / count.index_select(0, takers)[:, None]
    return torch.zeros_like(values).index_add(0, takers, given)
