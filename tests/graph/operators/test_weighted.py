from __future__ import annotations

import pytest
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcl.graph.operators import SparseOperator, weighted
from graphcl.graph.operators.weighted import Entries


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def entries(symmetric: bool) -> tuple[Entries, Tensor]:
    """Entries of a matrix without symmetric numbers, and where they lie."""
    pattern = torch.rand(9, 9, generator=seeded(3)) < 0.3
    pattern = pattern | pattern.T if symmetric else pattern
    pattern[4] = False  # a row without entries
    pattern[:, 4] = pattern[:, 4] & ~torch.tensor(symmetric)
    found = Entries(SparseOperator.from_scipy(sp.csr_matrix(pattern.float().numpy())))
    assert found.operator.symmetric is symmetric
    return found, pattern


def dense(found: Entries, weights: Tensor) -> Tensor:
    return weights.new_zeros(9, 9).index_put((found.rows, found.columns), weights)


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("chunk", [1, 1 << 20])
def test_values_and_gradients_are_those_of_the_dense_product(
    symmetric: bool, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weighted, "CHUNK_BYTES", chunk)
    found, pattern = entries(symmetric)
    assert torch.equal(dense(found, torch.ones(len(found.rows))) > 0, pattern)
    weights = torch.randn(len(found.rows), generator=seeded(1)).requires_grad_()
    x = torch.randn(9, 5, generator=seeded(2)).requires_grad_()
    up = torch.randn(9, 5, generator=seeded(4))
    result, expected = found.propagate(weights, x), dense(found, weights) @ x
    torch.testing.assert_close(result, expected)
    gradients = torch.autograd.grad((result * up).sum(), (weights, x))
    for one, other in zip(gradients, torch.autograd.grad((expected * up).sum(), (weights, x)), strict=True):
        torch.testing.assert_close(one, other)


def test_without_entries_the_product_is_zero() -> None:
    found = Entries(SparseOperator.from_scipy(sp.csr_matrix((3, 3), dtype="float32")))
    x = torch.ones(3, 2, requires_grad=True)
    result = found.propagate(torch.zeros(0, requires_grad=True), x)
    assert result.tolist() == [[0.0] * 2] * 3
    result.sum().backward()
    assert x.grad.tolist() == [[0.0] * 2] * 3


def test_columns_of_weights_need_not_be_contiguous() -> None:
    found, _ = entries(False)
    weights, x = torch.randn(len(found.rows), 3, generator=seeded(1)), torch.randn(9, 4, generator=seeded(2))
    torch.testing.assert_close(found.propagate(weights[:, 1], x), dense(found, weights[:, 1]) @ x)
