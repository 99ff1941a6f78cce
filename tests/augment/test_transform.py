"""Augmenters as transforms of torch_geometric: Compose, a data set, and loaders with workers."""

from __future__ import annotations

import doctest
import pickle

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Data, InMemoryDataset
from torch_geometric.loader import DataLoader
from torch_geometric.transforms import Compose, NormalizeFeatures

import graphcl.augment.transform
from graphcl.augment import DropEdges, Transform
from graphcl.core.errors import UserError


def ring(nodes: int) -> Data:
    at = torch.arange(nodes)
    edges = torch.stack([torch.cat([at, at.roll(1)]), torch.cat([at.roll(1), at])])
    return Data(x=torch.rand(nodes, 4) + 1.0, edge_index=edges, num_nodes=nodes)


class Rings(InMemoryDataset):
    """Eight rings of 40 nodes."""

    def __init__(self, transform: Transform | Compose) -> None:
        super().__init__(None, transform)
        self.data, self.slices = self.collate([ring(40) for _ in range(8)])


def epoch(loader: DataLoader) -> Tensor:
    """Which edges are left, in one number a batch."""
    return torch.stack([batch.edge_index[0].sum() for batch in loader])


def test_each_call_draws_anew_and_one_seed_gives_one_sequence() -> None:
    graph = ring(40)
    once, again, other = (Transform("drop_edges", p=0.5, seed=seed) for seed in (0, 0, 1))
    first, second = once(graph), once(graph)
    assert not torch.equal(first.edge_index, second.edge_index)
    assert torch.equal(again(graph).edge_index, first.edge_index)
    assert torch.equal(again(graph).edge_index, second.edge_index)
    assert not torch.equal(other(graph).edge_index, first.edge_index)
    assert graph.num_edges == 80


def test_in_compose_and_after_a_transform_of_theirs() -> None:
    both = Compose([NormalizeFeatures(), Transform("mask_features", p=1.0), Transform(DropEdges(1.0))])
    result = both(ring(6))
    assert result.num_nodes == 6
    assert not result.x.any()
    assert result.num_edges == 0
    assert "Transform('mask_features', p=1.0, seed=0)" in repr(both)


@pytest.mark.parametrize("workers", [0, 2])
def test_in_a_loader_epochs_differ_and_a_seeded_loader_repeats(workers: int) -> None:
    def epochs() -> list[Tensor]:
        generator = torch.Generator().manual_seed(3)
        data = Rings(Transform("drop_edges", p=0.5, seed=7))
        loader = DataLoader(data, batch_size=2, num_workers=workers, generator=generator)
        return [epoch(loader) for _ in range(2)]

    first, again = epochs(), epochs()
    assert not torch.equal(first[0], first[1])
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert len(first[0].unique()) == 4  # workers, which have two of the four batches each, differ too


def test_batches_of_transformed_graphs_come_apart_again() -> None:
    data = Rings(Compose([Transform("drop_edges", p=0.5), Transform("ppr", top_k=3)]))
    (batch,) = DataLoader(data, batch_size=8)
    assert [part.num_nodes for part in batch.to_data_list()] == [40] * 8
    augmented = Transform("add_edges", p=0.5)(batch)
    parts = augmented.to_data_list()
    assert sum(part.num_edges for part in parts) == augmented.num_edges > batch.num_edges
    assert all(int(part.edge_index.max()) < 40 and int(part.edge_index.min()) >= 0 for part in parts)


def test_it_can_be_sent_to_a_process() -> None:
    sent = pickle.loads(pickle.dumps(Transform("drop_nodes", p=0.5, seed=4)))
    assert torch.equal(sent(ring(30)).edge_index, Transform("drop_nodes", p=0.5, seed=4)(ring(30)).edge_index)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("drop_edge",), "unknown augmenter 'drop_edge'; nearest: 'drop_edges'"),
        (("low_rank",), "low_rank augments operators; a transform of torch_geometric takes one of graphs"),
    ],
)
def test_what_is_no_transform_is_refused(arguments: tuple[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Transform(*arguments)


def test_options_are_checked() -> None:
    with pytest.raises(UserError, match=r"unknown key 'drop_edges\.q'"):
        Transform("drop_edges", q=0.5)
    with pytest.raises(UserError, match=r"'drop_edges\.p' must be a number >= 0 and <= 1, got 2"):
        Transform("drop_edges", p=2)
    with pytest.raises(UserError, match="DropEdges is built already"):
        Transform(DropEdges(), p=0.5)


def test_the_example_holds() -> None:
    result = doctest.testmod(graphcl.augment.transform)
    assert (result.failed, result.attempted > 0) == (0, True)
