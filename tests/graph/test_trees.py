"""Trees by their parents against loops."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from graphcl.graph.trees import above, below, depths, parting, subtree_sizes

forests = st.lists(st.floats(0, 0.999), min_size=1, max_size=25).map(
    lambda draws: torch.tensor([0 if n == 0 else n if d < 0.1 else int(d * n) for n, d in enumerate(draws)])
)


def path(parent: Tensor, node: int) -> list[int]:
    """A node, its parent, ... up to its root."""
    found = [node]
    while int(parent[found[-1]]) != found[-1]:
        found.append(int(parent[found[-1]]))
    return found


@given(forests)
def test_depths_sizes_and_ancestors(parent: Tensor) -> None:
    paths = [path(parent, node) for node in range(len(parent))]
    assert depths(parent).tolist() == [len(one) - 1 for one in paths]
    assert subtree_sizes(parent).tolist() == [sum(node in one for one in paths) for node in range(len(parent))]
    chosen = torch.arange(len(parent)) % 3 == 1
    assert below(parent, chosen).tolist() == [any(bool(chosen[node]) for node in one) for one in paths]
    reached = {node for start in chosen.nonzero().view(-1).tolist() for node in paths[start]}
    assert above(parent, chosen).nonzero().view(-1).tolist() == sorted(reached)


@given(forests)
def test_where_two_leaves_part(parent: Tensor) -> None:
    paths = [path(parent, node) for node in range(len(parent))]
    pairs = [
        (a, b) for a in range(len(parent)) for b in range(len(parent))
        if paths[a][-1] == paths[b][-1] and a not in paths[b] and b not in paths[a]
    ]
    expected = []
    for a, b in pairs:
        shared = set(paths[a]) & set(paths[b])
        expected.append(tuple(next(n for n in reversed(paths[end]) if n not in shared) for end in (a, b)))
    found = parting(parent, torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T)
    assert list(map(tuple, found.T.tolist())) == expected
