from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Data

from graphcl.core.build import build
from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.data.records import Records, RecordsData, feature_tree, split_records, token_chain


def test_generated_records_are_two_graphs_each_and_said_to_be_generated() -> None:
    records = RecordsData(count=30).load(seed=0)
    assert len(records) == 30
    assert list(records.fields) == ["text", "graph"]
    assert "generated" in records.report.lines()[0]
    assert {part: len(numbers) for part, numbers in records.parts.items()} == {"train": 18, "valid": 6, "test": 6}


def test_the_same_seed_gives_the_same_records() -> None:
    first, again, other = (RecordsData(count=20).load(seed=s) for s in (1, 1, 2))
    for name in first.fields:
        for a, b in zip(first.fields[name], again.fields[name], strict=True):
            assert torch.equal(a.x, b.x)
            assert torch.equal(a.edge_index, b.edge_index)
    assert first.report.split_hash == again.report.split_hash != other.report.split_hash


def test_chain_and_tree_by_their_definitions() -> None:
    draw = generator(0)
    for _ in range(20):
        chain = token_chain(torch.zeros(5), draw)
        length = chain.num_nodes
        assert 6 <= length <= 12
        assert chain.x.sum(dim=1).tolist() == [1.0] * length
        links = {tuple(link) for link in chain.edge_index.t().tolist()}
        assert links == {(i, j) for i in range(length) for j in range(length) if abs(i - j) == 1}
        tree = feature_tree(torch.ones(3), 0.0, draw)
        assert torch.equal(tree.x, torch.ones(tree.num_nodes, 3))
        assert tree.edge_index.shape[1] == 2 * (tree.num_nodes - 1)
        parents = dict(tree.edge_index[:, tree.num_nodes - 1 :].t().tolist())  # child -> parent
        assert all(parents[child] < child for child in range(1, tree.num_nodes))


def test_graphs_come_in_the_order_asked_for() -> None:
    records = RecordsData(count=20).load(seed=0)
    batch = records.graphs(torch.tensor([7, 3]))["text"]
    assert torch.equal(batch.x, torch.cat([records.fields["text"][7].x, records.fields["text"][3].x]))
    assert batch.num_graphs == 2


def test_bad_records() -> None:
    one = Data(x=torch.ones(1, 1), edge_index=torch.empty(2, 0, dtype=torch.long))
    parts = {part: torch.tensor([number]) for number, part in enumerate(("train", "valid", "test"))}
    Records({"a": [one] * 3, "b": [one] * 3}, parts)
    with pytest.raises(UserError, match="one graph a record"):
        Records({"a": [one] * 3, "b": [one] * 2}, parts)
    with pytest.raises(UserError, match="more than one of"):
        Records({"a": [one] * 3}, {**parts, "test": torch.tensor([0])})
    with pytest.raises(UserError, match="test would be empty"):
        Records({"a": [one] * 3}, {**parts, "test": torch.empty(0, dtype=torch.long)})
    with pytest.raises(UserError, match="sum to 1"):
        split_records(10, [0.5, 0.5, 0.5], generator(0))
    with pytest.raises(UserError, match="'ratios'"):
        build("data", "records", {"ratios": [1.0]})
