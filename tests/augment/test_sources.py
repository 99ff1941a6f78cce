from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Data, HeteroData

from graphcl.augment.mispaired import Mispaired, mispaired
from graphcl.augment.sources import Neighbour, Pair, SameLabel, listed, neighbours, same_group
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


def test_a_listed_partner_is_drawn_of_those_that_count() -> None:
    table = torch.tensor([[1, 2, -1], [-1, -1, -1], [2, 0, 2], [3, 3, 3]])  # node 3 lists itself alone
    found = listed(torch.tensor([0, 1, 2, 3] * 200), table, generator=generator())
    partners = found.ids.reshape(200, 4)
    assert set(partners[:, 0].tolist()) == {1, 2}
    assert 60 < int((partners[:, 0] == 1).sum()) < 140
    assert set(partners[:, 1].tolist()) == {1}
    assert set(partners[:, 2].tolist()) == {0}  # its own entries are none
    assert found.alone.reshape(200, 4)[0].tolist() == [False, True, False, True]
    one_column = listed(torch.tensor([0, 1]), torch.tensor([1, -1]), generator=generator())
    assert (one_column.ids.tolist(), one_column.alone.tolist()) == ([1, 1], [False, True])


@settings(max_examples=40, deadline=None)
@given(groups=st.lists(st.integers(-1, 3), min_size=1, max_size=12), seed=st.integers(0, 99))
def test_a_partner_is_another_of_the_group_and_each_is_drawn(groups: list[int], seed: int) -> None:
    group = torch.tensor(groups)
    ids = torch.arange(len(groups)).repeat(60)
    found = same_group(ids, group, generator=generator(seed))
    for node, own in enumerate(groups):
        others = {other for other, its in enumerate(groups) if its == own and other != node} if own >= 0 else set()
        drawn = found.ids[ids == node].tolist()
        assert set(drawn) <= (others or {node})
        assert found.alone[ids == node].tolist() == [not others] * 60
        if len(others) in (1, 2, 3):
            assert set(drawn) == others


def test_a_relation_leads_to_the_partner() -> None:
    graph = HeteroData()
    graph["user"].num_nodes, graph["item"].num_nodes = 4, 4
    graph["user", "follows", "user"].edge_index = torch.tensor([[0, 0, 2], [1, 3, 1]])
    graph["item", "like", "item"].edge_index = torch.tensor([[0], [1]])
    found = Pair(relation="follows")(torch.tensor([0, 1, 2] * 40), graph, node_type="user", generator=generator())
    partners = found.ids.reshape(40, 3)
    assert set(partners[:, 0].tolist()) == {1, 3}
    assert set(partners[:, 1].tolist()) == {1}
    assert set(partners[:, 2].tolist()) == {1}
    assert found.alone.reshape(40, 3)[0].tolist() == [False, True, False]
    with pytest.raises(UserError, match="no relation 'follow' from 'user' to itself; nearest: 'follows'"):
        Pair(relation="follow")(torch.tensor([0]), graph, node_type="user", generator=generator())
    with pytest.raises(UserError, match="no relation 'follows' from 'item' to itself"):
        Pair(relation="follows")(torch.tensor([0]), graph, node_type="item", generator=generator())


@pytest.mark.parametrize(
    ("table", "message"),
    [(torch.zeros(3), r"is torch.float32 \[3\]; it must hold whole numbers"),
     (torch.zeros(2, dtype=torch.int64), r"must hold whole numbers \[3\] or \[3, K\]"),
     (torch.tensor([0, 3, 1]), "names node 3 of 3")],
)
def test_a_table_that_is_none_is_refused(table: torch.Tensor, message: str) -> None:
    graph = Data(edge_index=torch.tensor([[0], [1]]), num_nodes=3)
    with pytest.raises(UserError, match=message):
        Pair("input.twin")(torch.tensor([0]), graph, table=table, generator=generator())


def test_an_empty_table_has_no_partners() -> None:
    graph = Data(edge_index=torch.tensor([[0], [1]]), num_nodes=3)
    found = Pair("state.near.neighbours")(
        torch.tensor([2, 0]), graph, table=torch.zeros(0, 0, dtype=torch.int64), generator=generator()
    )
    assert found.ids.tolist() == [2, 0]
    assert found.alone.all()


def test_what_a_source_cannot_read_is_refused() -> None:
    for options in ({}, {"table": "input.twin", "relation": "follows"}):
        with pytest.raises(UserError, match="give either 'table' or 'relation'"):
            Pair(**options)
    with pytest.raises(UserError, match=r"must be input\.COLUMN or state\.NAME\.FIELD"):
        Pair("a.nodes")
    with pytest.raises(UserError, match="no labels of training examples"):
        SameLabel(task=object())


def test_a_share_of_examples_is_paired_with_another_and_always_the_same() -> None:
    ids = torch.arange(40) + 3
    partners = mispaired(ids, 0.25)
    assert int((partners != ids).sum()) == 10
    assert torch.equal(partners.sort().values, ids)
    assert torch.equal(partners, mispaired(ids, 0.25))
    assert not torch.equal(partners, mispaired(ids, 0.25, seed=1))
    assert torch.equal(mispaired(ids, 0.0), ids)
    with pytest.raises(UserError, match="no graphs of their own"):
        Mispaired(task=object())
