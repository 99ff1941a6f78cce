"""Edges that are edited and counted, by hand."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Batch, Data, HeteroData

from graphcl.augment.edit_edges import count_edits, edit_edges
from graphcl.augment.mask_nodes import MaskNodes
from graphcl.core.errors import UserError
from graphcl.core.seeds import generator


def graph(*pairs: tuple[int, int], nodes: int = 4) -> Data:
    there = torch.tensor(pairs, dtype=torch.int64).view(-1, 2).T
    return Data(x=torch.ones(nodes, 2), edge_index=torch.cat([there, there.flip(0)], dim=1), num_nodes=nodes)


def test_edits_by_hand() -> None:
    """0-1 went and 2-3 came in the first, nothing in the second, all in the third."""
    before = Batch.from_data_list([graph((0, 1), (1, 2)), graph((0, 3)), graph((0, 1), (2, 3)), graph()])
    after = Batch.from_data_list([graph((2, 1), (3, 2)), graph((3, 0)), graph(), graph()])
    assert count_edits(before, after).tolist() == [2.0, 0.0, 2.0, 0.0]


def test_edits_are_those_of_the_view() -> None:
    before = Batch.from_data_list([graph((0, 1), (1, 2), (2, 3)), graph((0, 3), (1, 3))] * 20)
    view = edit_edges(before, 0.4, generator=generator(1))
    sets = [[{frozenset(edge) for edge in one.edge_index.T.tolist()} for one in batch.to_data_list()]
            for batch in (before, view)]  # fmt: skip
    assert view.edits.tolist() == [float(len(a ^ b)) for a, b in zip(*sets, strict=True)]
    assert view.edits.unique().numel() > 2
    assert not edit_edges(before, 0.0, generator=generator(1)).edits.any()


def test_two_kinds_of_nodes_are_refused() -> None:
    with pytest.raises(UserError, match="one node type"):
        edit_edges(HeteroData(), 0.1, generator=generator(0))


def test_nodes_are_hidden_alike_where_draws_are_shared() -> None:
    several = graph((0, 1), nodes=40)
    hidden = [
        MaskNodes(alike=True)(several, generator=generator(n), shared=generator(9)).masked.tolist() for n in (1, 2)
    ]
    assert hidden[0] == hidden[1]
