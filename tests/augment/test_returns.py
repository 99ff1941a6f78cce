"""Other returns, and the one that is asked for."""

from __future__ import annotations

import torch
from torch_geometric.data import Data

from graphcl.augment.returns import AskReturns, ask_returns, perturb_returns
from graphcl.core.seeds import generator
from graphcl.graph.chain import build_chains


def chains(*, returns: bool = True) -> Data:
    graph = build_chains(torch.arange(6), torch.tensor([0, 4, 6]), num_items=6)
    if returns:
        graph.rtg = torch.tensor([[3.0, 1], [2, 1], [1, 0], [0, 0], [5, 2], [0, 0]])
    return graph


def test_perturbed_returns_are_those_of_other_nodes() -> None:
    graph = chains()
    far, near = (perturb_returns(graph, by, generator=generator(1)) for by in (1.0, 0.25))
    assert sorted(far.rtg.tolist()) == sorted(graph.rtg.tolist())
    assert not torch.equal(far.rtg, graph.rtg)
    assert torch.equal(near.rtg, 0.75 * graph.rtg + 0.25 * far.rtg)
    assert torch.equal(perturb_returns(graph, 0.0, generator=generator(1)).rtg, graph.rtg)
    assert not torch.equal(far.rtg, perturb_returns(graph, 1.0, generator=generator(2)).rtg)
    assert "rtg" not in perturb_returns(chains(returns=False), generator=generator(1))


def test_what_is_asked_for_comes_after_all_that_is_known() -> None:
    """R_t grows by the discount to the power of the events in between, as if one more event had brought it."""
    asked = ask_returns(chains(), torch.tensor([4.0, 8.0]), discount=0.5)
    assert asked.rtg.tolist() == [[3.5, 2], [3, 3], [3, 4], [4, 8], [7, 6], [4, 8]]
    none = ask_returns(chains(returns=False), torch.tensor([4.0, 8.0]), discount=0.5)
    assert none.rtg.tolist() == [[0.5, 1], [1, 2], [2, 4], [4, 8], [2, 4], [4, 8]]


def test_a_quantile_of_train_is_asked_for_where_nothing_is_given() -> None:
    """Of the nodes after which something comes: 3, 2, 1, 5 and 1, 1, 0, 2."""
    assert AskReturns(quantile=1.0).prepare(chains()).tolist() == [5, 2]
    assert AskReturns(quantile=0.0).prepare(chains()).tolist() == [1, 0]
    assert AskReturns(quantile=1.0, retention=0.5).prepare(chains()).tolist() == [5, 0.5]
    assert AskReturns(immediate=3.0).prepare(chains(returns=False)).tolist() == [3, 0]
