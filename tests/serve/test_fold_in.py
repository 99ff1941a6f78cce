from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from graphcl.graph.bipartite import build_bipartite
from graphcl.graph.operators import build_operator
from graphcl.serve.fold_in import fold_in, unique_in_order


@given(st.integers(0, 2**31), st.lists(st.integers(0, 6), min_size=1, max_size=7, unique=True))
def test_equals_one_propagation_step_of_the_graph_with_the_user_added(seed: int, history: list[int]) -> None:
    draw = torch.Generator().manual_seed(seed)
    seen = (torch.rand(5, 7, generator=draw) < 0.4).nonzero()
    items = torch.randn(7, 3, generator=draw)
    users = torch.cat([seen[:, 0], torch.full((len(history),), 5)])
    graph = build_bipartite(users, torch.cat([seen[:, 1], torch.tensor(history)]), 6, 7)
    rows = torch.cat([torch.zeros(6, 3), items])
    expected = build_operator(graph, "sym").propagate(rows)[5]
    found = fold_in(items, torch.tensor(history), torch.bincount(seen[:, 1], minlength=7))
    torch.testing.assert_close(found, expected)


def test_unique_in_order_keeps_the_first() -> None:
    assert unique_in_order(torch.tensor([4, 1, 4, 0, 1])).tolist() == [4, 1, 0]
