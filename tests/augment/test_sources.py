from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Data

from graphcl.augment.sources import Neighbour, neighbours
from graphcl.core.errors import UserError
from graphcl.graph.bipartite import build_bipartite


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_partner_is_a_neighbour_and_every_neighbour_is_drawn() -> None:
    graph = Data(edge_index=torch.tensor([[0, 0, 0, 1], [1, 2, 3, 0]]), num_nodes=5)
    found = neighbours(torch.zeros(300, dtype=torch.int64), graph, generator=generator())
    counts = torch.bincount(found.ids, minlength=5)
    assert counts[0] == counts[4] == 0
    assert counts[1:4].min() > 60
    assert not found.alone.any()


def test_without_neighbours_an_anchor_is_its_own_partner_and_counted() -> None:
    graph = Data(edge_index=torch.tensor([[0], [1]]), num_nodes=3)
    found = Neighbour()(torch.tensor([0, 1, 2]), graph, generator=generator())
    assert found.ids.tolist() == [1, 1, 2]
    assert found.alone.tolist() == [False, True, True]


def test_two_hops_lead_from_a_user_to_one_who_shares_an_item() -> None:
    # users 0 and 1 share item 0; user 2 has item 1 alone
    graph = build_bipartite([0, 1, 2], [0, 0, 1], 3, 2)
    found = neighbours(torch.tensor([0, 1, 2] * 50), graph, node_type="user", hops=2, generator=generator())
    partners = found.ids.reshape(50, 3)
    assert set(partners[:, 0].tolist()) == set(partners[:, 1].tolist()) == {0, 1}
    assert set(partners[:, 2].tolist()) == {2}
    assert found.alone.reshape(50, 3)[:, 2].all()


def test_an_odd_number_of_hops_between_types_is_refused() -> None:
    graph = build_bipartite([0, 1], [0, 0], 2, 1)
    with pytest.raises(UserError, match="take an even number"):
        neighbours(torch.tensor([0, 1]), graph, node_type="user", hops=1, generator=generator())
