"""Products of every operator: against the dense matrix, restricted to rows, and their gradients."""

from __future__ import annotations

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch_geometric.data import Data

from graphcl.core.errors import UserError
from graphcl.graph.operators import (
    BipartiteOperator,
    ComposedOperator,
    LowRankOperator,
    Operator,
    SparseOperator,
    build_operator,
)

NAMES = ("bipartite", "bipartite_row", "square", "directed", "low_rank", "low_rank_bipartite", "composed")
ROWS = torch.tensor([11, 2, 14, 0, 2, 8])


@pytest.fixture(params=NAMES)
def operator(request, bipartite, generator) -> Operator:
    """Linear operators of 15 nodes, in double."""
    edges = torch.randint(0, 14, (2, 40), generator=generator)
    factors = [torch.randn(n, 3, generator=generator, dtype=torch.float64) for n in (9, 6, 15, 15)]
    singular = torch.tensor([3.0, 1.0, 0.2], dtype=torch.float64)
    made = {
        "bipartite": lambda: build_operator(bipartite, "sym"),
        "bipartite_row": lambda: build_operator(bipartite, "row"),
        "square": lambda: build_operator(bipartite, "gcn"),
        "directed": lambda: build_operator(Data(edge_index=edges, num_nodes=15), "row"),
        "low_rank": lambda: LowRankOperator(factors[2], singular, factors[3]),
        "low_rank_bipartite": lambda: BipartiteOperator(LowRankOperator(factors[0], singular, factors[1])),
        "composed": lambda: ComposedOperator(build_operator(bipartite, "row"), build_operator(bipartite, "gcn")),
    }
    return made[request.param]().to(dtype=torch.float64)


@pytest.fixture
def x(generator) -> torch.Tensor:
    return torch.randn(15, 3, generator=generator, dtype=torch.float64)


def dense(operator: Operator) -> torch.Tensor:
    return operator.propagate(torch.eye(operator.shape[1], dtype=torch.float64))


def test_product_is_that_of_the_dense_matrix(operator, x):
    torch.testing.assert_close(operator.propagate(x), dense(operator) @ x)
    torch.testing.assert_close(dense(operator.T), dense(operator).T)
    torch.testing.assert_close(dense(operator.T.T), dense(operator))
    assert operator.shape == (15, 15)
    assert operator.nnz > 0


@pytest.mark.parametrize("rows", [ROWS, ROWS.unique(), torch.tensor([3, 1]), torch.tensor([], dtype=torch.int64)])
def test_rows_are_those_of_the_whole_product(operator, x, rows):
    torch.testing.assert_close(operator.propagate(x, rows), operator.propagate(x).index_select(0, rows))


def test_gradients_to_second_order(operator, x):
    x.requires_grad_()
    for rows in (None, ROWS):
        assert gradcheck(lambda x, rows=rows: operator.propagate(x, rows), x)
        assert gradgradcheck(lambda x, rows=rows: operator.propagate(x, rows) ** 2, x)


def test_another_float_type(operator, x):
    single = operator.to(dtype=torch.float32)
    assert single.propagate(x.float()).dtype == torch.float32
    assert single.propagate(x).dtype == torch.float64
    assert single.propagate(x.bfloat16()).dtype == torch.float32
    torch.testing.assert_close(single.propagate(x), operator.propagate(x), rtol=1e-5, atol=1e-5)


def test_wrong_number_of_nodes_is_refused(operator):
    for bad in (torch.ones(14, 2), torch.ones(15)):
        with pytest.raises(UserError, match=r"give \[15, d\]"):
            operator.propagate(bad)


def test_rows_of_a_large_sparse_product_are_equal_to_the_bit(generator):
    edges = torch.randint(0, 2000, (2, 30_000), generator=generator)
    operator = build_operator(Data(edge_index=edges, num_nodes=2000), "sym")
    rows = torch.randint(0, 2000, (300,), generator=generator).unique()
    whole, part = (torch.randn(2000, 64, generator=generator).requires_grad_() for _ in range(2))
    with torch.no_grad():
        part.copy_(whole)
    out = torch.randn(len(rows), 64, generator=generator)
    picked, restricted = operator.propagate(whole).index_select(0, rows), operator.propagate(part, rows)
    assert torch.equal(picked, restricted)
    picked.backward(out)
    restricted.backward(out)
    assert torch.equal(whole.grad, part.grad)


def test_two_threads_repeat_to_the_bit(generator):
    edges = torch.randint(0, 3000, (2, 60_000), generator=generator)
    operator = build_operator(Data(edge_index=edges, num_nodes=3000), "sym")
    x = torch.randn(3000, 16, generator=generator, requires_grad=True)
    gradients = []
    for _ in range(3):
        gradients.append(torch.autograd.grad(operator.propagate(x, torch.arange(0, 3000, 2)).pow(2).sum(), x)[0])
    assert torch.equal(gradients[0], gradients[1])
    assert torch.equal(gradients[0], gradients[2])


def test_under_autocast(bipartite):
    operator = build_operator(bipartite)
    x = torch.ones(15, 2, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        operator.propagate(x * 1).sum().backward()
    assert torch.isfinite(x.grad).all()


def test_bipartite_never_stores_the_square_matrix(bipartite):
    operator = build_operator(bipartite, "sym")
    assert isinstance(operator.first, SparseOperator)
    assert operator.first.shape == (9, 6)
    assert operator.second.csr is operator.first.csr_t
    moved = operator.to("cpu", torch.float64)
    assert moved.second.csr is moved.first.csr_t


def test_shapes_that_do_not_compose_are_refused(bipartite):
    operator = build_operator(bipartite)
    with pytest.raises(UserError, match="compose"):
        ComposedOperator(operator.first, operator.first)
