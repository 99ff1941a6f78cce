from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from graphcl.core.errors import NonFiniteError
from graphcl.objective.base import Rows
from graphcl.objective.states.knn import Knn, nearest


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_the_nearest_by_cosine_and_never_the_row_itself() -> None:
    x = torch.randn(20, 3, generator=generator())
    x = x * torch.rand(20, 1, generator=generator()).mul(9).add(1)  # length does not matter
    unit = F.normalize(x, dim=1)
    expected = (unit @ unit.T).fill_diagonal_(-2.0).topk(4, dim=1).indices
    assert torch.equal(nearest(x, 4), expected)


def test_fewer_rows_than_neighbours() -> None:
    found = nearest(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]), 4)
    assert found.tolist() == [[1, 2, -1, -1], [0, 2, -1, -1], [1, 0, -1, -1]]
    assert nearest(torch.ones(1, 2), 2).tolist() == [[-1, -1]]


def test_empty_before_the_first_run_and_by_type_after_it() -> None:
    state = Knn("main.nodes[*]", k=1, each=["user", "item"], every=2, start=1)
    assert state.field("neighbours", "user").shape == (0, 0)
    assert [epoch for epoch in range(5) if state.due(epoch, 0)] == [1, 3]
    inputs = {name: Rows(torch.randn(n, 3, generator=generator())) for name, n in (("user", 5), ("item", 7))}
    state.update(inputs, generator=generator())
    assert state.field("neighbours", "user").shape == (5, 1)
    assert torch.equal(state.field("neighbours", "item"), nearest(inputs["item"].values, 1))


def test_rows_that_are_not_finite_are_named() -> None:
    with pytest.raises(NonFiniteError, match="knn"):
        nearest(torch.tensor([[float("nan")], [1.0]]), 1)
