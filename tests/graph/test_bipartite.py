from __future__ import annotations

import numpy as np
import pytest
import torch

from graphcl.core.errors import UserError
from graphcl.graph.bipartite import build_bipartite


def test_pairs_become_two_mirrored_edges():
    graph = build_bipartite(np.array([0, 2, 2]), np.array([1, 0, 1]), 4, 3, np.array([1.0, 2.0, 0.5]))
    there, back = graph["user", "to", "item"], graph["item", "to", "user"]
    assert there.edge_index.tolist() == [[0, 2, 2], [1, 0, 1]]
    assert torch.equal(back.edge_index, there.edge_index.flip(0))
    assert there.edge_weight.tolist() == back.edge_weight.tolist() == [1.0, 2.0, 0.5]
    assert (graph["user"].num_nodes, graph["item"].num_nodes, list(graph.node_types)) == (4, 3, ["user", "item"])


def test_no_storage_is_shared_with_the_input():
    users, items, weight = torch.tensor([0, 1]), torch.tensor([0, 0]), torch.tensor([1.0, 1.0])
    graph = build_bipartite(users, items, 2, 1, weight)
    graph["user", "to", "item"].edge_weight[0] = 5.0
    graph["user", "to", "item"].edge_index[0, 0] = 1
    assert weight.tolist() == [1.0, 1.0]
    assert users.tolist() == [0, 1]
    assert graph["item", "to", "user"].edge_weight.tolist() == [1.0, 1.0]


def test_no_pairs_is_a_graph():
    graph = build_bipartite(np.array([], dtype=np.int64), np.array([], dtype=np.int64), 2, 3)
    assert graph["user", "to", "item"].edge_index.shape == (2, 0)


@pytest.mark.parametrize(
    ("users", "items", "weight", "message"),
    [
        ([0, 4], [0, 0], None, "user outside 0..3"),
        ([0, -1], [0, 0], None, "user outside 0..3"),
        ([0, 1], [0, 3], None, "item outside 0..2"),
        ([0, 1], [0], None, "2 users but 1 item;"),
        ([0, 1], [0, 0], [1.0], "weights of shape"),
    ],
)
def test_bad_pairs_are_refused(users, items, weight, message):
    with pytest.raises(UserError, match=message):
        build_bipartite(np.array(users), np.array(items), 4, 3, None if weight is None else np.array(weight))
