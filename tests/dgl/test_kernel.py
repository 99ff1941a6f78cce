from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch_geometric.data import Data, HeteroData

pytest.importorskip("dgl", reason="DGL is not installed: pip install 'graphcl[dgl]'")

from graphcl.dgl import spmm
from graphcl.graph.operators import (
    Operator,
    SparseOperator,
    build_operator,
    drop_entries,
    multiplying_by,
    randomized_svd,
)


def directed() -> Operator:
    draw = torch.Generator().manual_seed(0)
    edges = torch.randint(0, 30, (2, 200), generator=draw)
    return build_operator(Data(edge_index=edges, edge_weight=torch.rand(200, generator=draw), num_nodes=33), "sym")


def bipartite() -> Operator:
    draw, graph = torch.Generator().manual_seed(1), HeteroData()
    edges = torch.stack([torch.randint(0, n, (90,), generator=draw) for n in (20, 13)])
    graph["user"].num_nodes, graph["item"].num_nodes = 20, 13
    graph["user", "buys", "item"].edge_index, graph["item", "of", "user"].edge_index = edges, edges.flip(0)
    return build_operator(graph)


@pytest.mark.parametrize("make", [directed, bipartite])
@pytest.mark.parametrize("rows", [None, torch.tensor([0, 3, 19, 32])])
def test_equal_to_ours_forward_and_backward(make, rows: torch.Tensor | None) -> None:
    operator, results = make(), []
    for kernel in (None, spmm):
        x = torch.randn(33, 7, generator=torch.Generator().manual_seed(2), requires_grad=True)
        if kernel is None:
            y = operator.propagate(x, rows)
        else:
            with multiplying_by(kernel):
                y = operator.propagate(x, rows)
        (grad,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        (second,) = torch.autograd.grad(grad.square().sum(), x)
        results.append((y, grad, second))
    for ours, theirs in zip(*results, strict=True):
        assert ours.abs().max() > 0.1
        assert torch.allclose(ours, theirs, atol=1e-5, rtol=1e-5)


def test_one_column_and_no_entries() -> None:
    operator, x = directed(), torch.randn(33, 1, generator=torch.Generator().manual_seed(2))
    none = SparseOperator.from_scipy(sp.csr_matrix((4, 33), dtype=np.float32))
    with multiplying_by(spmm):
        assert none.propagate(x).tolist() == [[0.0]] * 4
        theirs = operator.propagate(x)
    assert torch.allclose(theirs, operator.propagate(x), atol=1e-6)


def test_the_backward_stays_with_the_kernel_of_its_forward() -> None:
    calls = []

    def counted(csr: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        calls.append(csr.shape)
        return spmm(csr, x)

    operator, x = directed(), torch.ones(33, 2, requires_grad=True)
    with multiplying_by(counted):
        y = operator.propagate(x)
    y.sum().backward()
    assert len(calls) == 2
    operator.propagate(x)
    assert len(calls) == 2


def test_what_is_built_on_products_follows() -> None:
    operator = directed()
    dropped = drop_entries(operator, 0.5, generator=torch.Generator().manual_seed(0))
    assert isinstance(dropped, SparseOperator)
    x = torch.randn(33, 3)
    ours, low = dropped.propagate(x), randomized_svd(operator, 3, generator=torch.Generator().manual_seed(0))
    with multiplying_by(spmm):
        assert torch.allclose(dropped.propagate(x), ours, atol=1e-6)
        again = randomized_svd(operator, 3, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(low.S, again.S, atol=1e-5)


@pytest.mark.parametrize("shape", [(4, 6), (3, 3)])
def test_no_entries_and_double_precision(shape: tuple[int, int]) -> None:
    empty = SparseOperator.from_scipy(sp.csr_matrix(shape, dtype=np.float32))
    with multiplying_by(spmm):
        assert torch.equal(empty.propagate(torch.ones(shape[1], 2)), torch.zeros(shape[0], 2))
        double = SparseOperator.from_scipy(sp.csr_matrix(np.ones(shape)))
        assert torch.equal(double.propagate(torch.ones(shape[1], 1)), torch.full((shape[0], 1), shape[1]).double())
