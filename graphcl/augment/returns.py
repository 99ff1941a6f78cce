"""Augmenters of the returns of histories: other ones (DT4IER, Liu et al., 2024), and the one that is asked for."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from graphcl.augment.chain_pieces import TOO_SHORT, number_too_short
from graphcl.augment.plain import plain
from graphcl.augment.rebuild import uniform
from graphcl.core.options import Probability
from graphcl.core.registry import register
from graphcl.data.returns import Discount
from graphcl.encode.base import RETURNS, Graph
from graphcl.encode.chains import read_chains


@plain
def perturb_returns(graph: Graph, by: Probability = 1.0, *, generator: torch.Generator) -> Data:
    """Move the return at each node towards that of a random node: ``(1 - by) r + by r'``.

    The other nodes are a random order of all, so that with ``by`` 1 the returns are the same, elsewhere.

    Args:
        graph: chains with ``rtg`` [n, 2]; others are left as they are.
        by: share of the other return.
        generator: source of the order.

    Raises:
        UserError: the graph is not one of chains, or a value is out of range.
    """
    chains, returns = read_chains(graph), graph.get(RETURNS)
    if returns is None:
        return _with_returns(graph, None)
    order = uniform(len(chains.item), chains.item, generator).argsort(stable=True)
    return _with_returns(graph, torch.lerp(returns, returns.index_select(0, order), by))


@plain
def ask_returns(graph: Graph, desired: Tensor, *, discount: Discount = 1.0) -> Data:
    """Add a return that is to come behind the last node of each chain, and so behind all of them.

    >>> from graphcl.graph.chain import build_chains
    >>> chains = build_chains(torch.arange(3), torch.tensor([0, 3]), num_items=3)
    >>> ask_returns(chains, torch.tensor([4.0, 1.0]), discount=0.5).rtg.tolist()
    [[1.0, 0.25], [2.0, 0.5], [4.0, 1.0]]

    Args:
        graph: chains; without ``rtg`` nothing else is to come.
        desired: [2] both rewards.
        discount: what counts less for each event in between.

    Raises:
        UserError: the graph is not one of chains, or a value is out of range.
    """
    chains = read_chains(graph)
    left = chains.lengths.index_select(0, chains.batch) - 1 - chains.pos
    asked = (discount ** left.double())[:, None] * desired.to(left.device)
    known = graph.get(RETURNS)
    return _with_returns(graph, asked.to(desired.dtype) if known is None else known + asked.to(known.dtype))


def _with_returns(graph: Graph, returns: Tensor | None) -> Data:
    """The chains with other returns."""
    result: Data = graph.clone()
    result[TOO_SHORT] = number_too_short(graph)
    if returns is not None:
        result[RETURNS] = returns
    return result


@register("augmenter", "perturb_returns", example={}, level="graph", stochastic=True, edges="chains")
class PerturbReturns(nn.Module):
    """Gives nodes of histories other returns; see :func:`perturb_returns`."""

    def __init__(self, by: Probability = 1.0) -> None:
        """
        Args:
            by: Share of a random node's return.
        """
        super().__init__()
        self.by = by

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Data:
        """The chains with other returns."""
        return perturb_returns(graph, self.by, generator=generator)


@register("augmenter", "ask_returns", example={}, level="graph", stochastic=False, edges="chains")
class AskReturns(nn.Module):
    """Asks histories for a return; see :func:`ask_returns`. For the view that is embedded (``embed.view``)."""

    prepares_task = True

    def __init__(
        self,
        quantile: Probability = 0.9,
        immediate: float | None = None,
        retention: float | None = None,
        discount: Discount = 0.9,
    ) -> None:
        """
        Args:
            quantile: Of the returns in train, of each reward by itself: what is asked for where nothing is given.
            immediate: Return of immediate feedback that is asked for.
            retention: Return of retention that is asked for.
            discount: That of `data.returns`.
        """
        super().__init__()
        self.quantile, self.given, self.discount = quantile, (immediate, retention), discount

    def prepare(self, graph: Graph) -> Tensor:
        """[2] the return that is asked for, by the training histories."""
        chains, returns = read_chains(graph), graph.get(RETURNS)
        inner = torch.ones_like(chains.item, dtype=torch.bool).index_fill_(0, chains.last, False)
        usual = torch.zeros(2, device=chains.item.device)
        if returns is not None and bool(inner.any()):
            ordered = returns[inner].sort(0).values
            usual = ordered[round(self.quantile * (len(ordered) - 1))]
        return torch.stack([usual[k] if value is None else usual.new_tensor(value)
                            for k, value in enumerate(self.given)])  # fmt: skip

    def forward(self, graph: Graph, *, generator: torch.Generator, prepared: Tensor | None = None) -> Data:
        """The chains with a return asked for; by their own returns where no training histories were prepared."""
        return ask_returns(graph, self.prepare(graph) if prepared is None else prepared, discount=self.discount)
