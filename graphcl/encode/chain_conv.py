"""The convolutional network over series."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphcl.core.options import Count, Index, NonNegative
from graphcl.core.registry import register
from graphcl.encode.base import Encoding, Graph, View
from graphcl.encode.pooling import Moment, Pooling, pool_pieces
from graphcl.encode.shares import Shares
from graphcl.encode.weights import make_linear
from graphcl.encode.windows import Windows, read_apart, read_windows, spread_windows, tracks_of

#: Rows of training chains that thresholds are found from.
SAMPLE_ROWS = 1 << 16


class ChainConvLayer(nn.Module):
    """``h + gelu(h)_(t - d), gelu(h)_t, gelu(h)_(t + d)`` through one linear map; what is outside of a chain is 0."""

    def __init__(self, dim: int, dilation: int, *, generator: torch.Generator) -> None:
        super().__init__()
        self.dilation = dilation
        self.linear = make_linear(3 * dim, dim, generator=generator)

    def forward(self, h: Tensor, chains: Windows) -> Tensor:
        """[n, dim] -> [n, dim]."""
        return h + self.message(h, chains)

    def message(self, h: Tensor, chains: Windows) -> Tensor:
        """What is added."""
        added: Tensor = self.linear(around(F.gelu(h), chains, self.dilation))
        return added


def around(h: Tensor, chains: Windows, distance: int) -> Tensor:
    """[n, 3 d]: the rows ``distance`` before each node, at it and after it in its chain, 0 where there is none."""
    node = torch.arange(len(h), device=h.device)
    left = chains.ptr.diff().index_select(0, chains.batch) - 1 - chains.pos
    sides = []
    for step, room in ((-distance, chains.pos), (distance, left)):
        inside = room >= distance
        sides.append(h.index_select(0, torch.where(inside, node + step, node)) * inside[:, None])
    return torch.cat([sides[0], h, sides[1]], dim=1)


def with_changes(chains: Windows, factor: float | Tensor) -> Tensor:
    """[n, 2 C]: values, and ``factor`` times their change since the node before, 0 at the first of a chain."""
    before = chains.x.index_select(0, (torch.arange(len(chains.x), device=chains.x.device) - 1).clamp_min(0))
    return torch.cat([chains.x, factor * (chains.x - before) * (chains.pos > 0)[:, None]], dim=1)


def scale_of_changes(chains: Windows) -> Tensor:
    """What changes are to be multiplied by to be as large as values: the ratio of their deviations, 1 without any."""
    change = with_changes(chains, 1.0)[chains.pos > 0, chains.x.shape[1] :]
    size = change.square().mean().sqrt() if len(change) else change.new_zeros(())
    return torch.where(size > 0, chains.x.std(correction=0) / size.clamp_min(1e-12), 1.0)


def ways_of(pooling: Pooling | list[Moment]) -> list[Moment]:
    """The ways to pool, none of ``none``."""
    if isinstance(pooling, list):
        return pooling
    return [] if pooling == "none" else [pooling]


@register("tower", "chain_conv", example={"dim": 4, "num_layers": 2})
class ChainConv(nn.Module):
    """Dilated convolutions with residuals over chains of values, the encoder of TS2Vec (Yue et al., AAAI 2022, 3.1).

    A linear map of each node's values, then layers of width 3 whose dilation doubles, 1, 2, 4, ...; a node sees
    ``2 ** num_layers - 1`` nodes to either side. Chains lie end to end, without padding. Of a moving skeleton a frame
    is what a node is of a series: its joints' positions beside each other.
    """

    factor: Tensor

    def __init__(
        self,
        dim: Count = 64,
        num_layers: Count = 4,
        pooling: Pooling | list[Moment] = "max",
        pieces: Count | list[Count] = 1,
        jk: Literal["last", "cat"] = "last",
        apart: bool = False,
        changes: NonNegative | Literal["auto"] = 0.0,
        thresholds: Index = 0,
        *,
        graph: Graph,
        generator: torch.Generator,
    ) -> None:
        """
        Args:
            dim: Width of all layers.
            num_layers: Number of convolutions.
            pooling: How nodes make graphs; none gives no graphs, and of several ways the results stand beside each
                other (std: standard deviation; positive: the share of values above 0, without a gradient; last: the
                last node).
            pieces: Stretches of equal length of a chain that are pooled each by itself, so that graphs know of order;
                `[1, 3]` pools the whole chain and then its thirds.
            jk: What is pooled: the last layer, or all of them beside each other.
            apart: Whether each joint or device of a frame is a chain of its own, all read with the same weights; a
                graph then has the embeddings of its devices beside each other.
            changes: Times this the change of each value since the node before is read beside the value, as in
                MultiRocket (Tan et al., 2022); 0 reads values alone. `auto` makes changes as large as values, over the
                training chains.
            thresholds: Thresholds of each column of each convolution, its quantiles over the training chains: the
                shares of a chain's values above them are the level `shares`, which `embed.level=shares` embeds and
                nothing trains, as in MiniRocket (Dempster et al., 2021). 0: none.
            graph: Training chains, for the number of channels (supplied).
            generator: Source of the initial weights (supplied).

        Raises:
            UserError: the graph is not one of chains of values.
        """
        super().__init__()
        ways = ways_of(pooling)
        self.out_dim, self.ways, self.pieces, self.jk = dim, ways, pieces, jk
        stretches = pieces if isinstance(pieces, int) else sum(pieces)
        self.graphs_dim = dim * len(ways) * stretches * (num_layers + 1 if jk == "cat" else 1)
        self.graphs_dim *= tracks_of(graph) if apart else 1
        self.read = read_apart if apart else read_windows
        self.changes = changes
        chains = self.read(graph)
        if changes == "auto":
            self.register_buffer("factor", scale_of_changes(chains))
        self.lift = make_linear(self._values(chains).shape[1], dim, generator=generator)
        self.layers = nn.ModuleList(ChainConvLayer(dim, 2**k, generator=generator) for k in range(num_layers))
        self.shares: Shares | None = None
        if thresholds:
            with torch.no_grad():
                _, messages = self._encoded(spread_windows(chains, SAMPLE_ROWS))
            self.shares = Shares(messages, thresholds)

    def forward(self, view: View, rows: Tensor | None = None) -> Encoding:
        """Encode all nodes, or ``rows`` of them."""
        chains = self.read(view.graph)
        latents, messages = self._encoded(chains)
        nodes = [chains.spread(latent) for latent in latents]  # the joints of a frame share its latent
        if rows is not None:
            nodes[-1] = nodes[-1].index_select(0, rows)
            return Encoding(nodes[-1], nodes, rows=rows)
        shares = None
        if self.shares is not None and not self.training:
            shares = _by_graph(self.shares(messages, chains, self.pieces), chains)
        return Encoding(nodes[-1], nodes, self._pooled(latents, chains), shares=shares)

    def _encoded(self, chains: Windows) -> tuple[list[Tensor], list[Tensor]]:
        """What each layer gives, the input embedding first, and the same before the residual is added."""
        latents = [self.lift(self._values(chains))]
        messages = [latents[0]]
        for layer in cast("Iterable[ChainConvLayer]", self.layers):
            messages.append(layer.message(latents[-1], chains))
            latents.append(latents[-1] + messages[-1])
        return latents, messages

    def _values(self, chains: Windows) -> Tensor:
        if self.changes == "auto":
            return with_changes(chains, self.factor)
        return with_changes(chains, self.changes) if self.changes else chains.x

    def _pooled(self, latents: list[Tensor], chains: Windows) -> Tensor | None:
        """[G, graphs_dim], device by device, stretch by stretch."""
        if not self.ways:
            return None
        read = torch.cat(latents, dim=1) if self.jk == "cat" else latents[-1]
        pooled = pool_pieces(read, chains.batch, chains.pos, chains.ptr, self.ways, self.pieces)
        return _by_graph(pooled, chains)


def _by_graph(rows: Tensor, chains: Windows) -> Tensor:
    """[chains, d] -> [G, d of all chains of a graph]."""
    return rows.view(len(rows) // chains.tracks, chains.tracks * rows.shape[1])
