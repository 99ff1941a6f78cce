from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Batch, Data

from graphcl.core.errors import UserError
from graphcl.encode.pooling import pool, pool_graph, pool_pieces, pooled_width, region_of
from graphcl.graph.patches import PatchGrid, build_patches


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(0, 5), min_size=1, max_size=6), how=st.sampled_from(["mean", "sum", "max"]))
def test_equals_a_loop_over_graphs(sizes, how):
    nodes = torch.randn(sum(sizes), 3, generator=torch.Generator().manual_seed(len(sizes)))
    batch = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    expected = []
    for graph in range(len(sizes)):
        own = nodes[batch == graph]
        value = {"mean": lambda o: o.mean(0), "sum": lambda o: o.sum(0), "max": lambda o: o.amax(0)}[how]
        expected.append(value(own) if len(own) else torch.zeros(3))
    torch.testing.assert_close(pool(nodes, batch, len(sizes), how), torch.stack(expected))


@pytest.mark.parametrize("how", ["mean", "sum", "max"])
def test_differentiable_twice(how):
    nodes = torch.randn(7, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    batch = torch.tensor([0, 2, 0, 2, 2, 0, 1])
    assert torch.autograd.gradcheck(lambda x: pool(x, batch, 4, how), nodes)
    assert torch.autograd.gradgradcheck(lambda x: pool(x, batch, 4, how) ** 3, nodes)


def test_a_graph_without_batch_is_one_and_empty_graphs_count():
    empty = torch.empty(2, 0, dtype=torch.int64)
    single = Data(x=torch.ones(3, 2), edge_index=empty)
    assert pool_graph(single.x, single, "sum").tolist() == [[3.0, 3.0]]
    batch = Batch.from_data_list([single, Data(x=torch.ones(0, 2), edge_index=empty)])
    assert pool_graph(batch.x, batch, "mean").tolist() == [[1.0, 1.0], [0.0, 0.0]]
    assert pool_graph(single.x, single, "none") is None


def test_pieces_of_chains_stand_beside_each_other() -> None:
    nodes = torch.tensor([[1.0], [3.0], [5.0], [9.0], [7.0]])
    batch, pos, ptr = torch.tensor([0, 0, 0, 0, 1]), torch.tensor([0, 1, 2, 3, 0]), torch.tensor([0, 4, 5])
    found = pool_pieces(nodes, batch, pos, ptr, ["mean", "max", "std"], 2)
    expected = [[2.0, 3.0, 1.0, 7.0, 9.0, 2.0], [7.0, 7.0, 0.0, 0.0, 0.0, 0.0]]
    torch.testing.assert_close(found, torch.tensor(expected), atol=2e-3, rtol=0)
    assert torch.equal(pool_pieces(nodes, batch, pos, ptr, ["sum"], 1), torch.tensor([[18.0], [7.0]]))


def test_regions_of_images_stand_beside_each_other() -> None:
    """Two images of 3 x 4 patches; rows go into two parts as 2 and 1, columns as 2 and 2."""
    layout = PatchGrid(channels=1, rows=3, columns=4, patch=1)
    graph = build_patches(torch.zeros(2, 1, 3, 4), layout)
    values = torch.arange(24.0)[:, None]
    assert region_of(graph, 2)[:12].tolist() == [0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3]
    first = [(0 + 1 + 4 + 5) / 4, (2 + 3 + 6 + 7) / 4, (8 + 9) / 2, (10 + 11) / 2]
    expected = torch.tensor([first, [value + 12 for value in first]])
    assert torch.equal(pool_graph(values, graph, "mean", 2), expected)
    graph.kept_nodes = torch.ones(24, dtype=torch.bool).index_fill(0, torch.tensor([0, 8, 9]), False)
    torch.testing.assert_close(pool_graph(values, graph, "mean", 2)[0], torch.tensor([10 / 3, 4.5, 0.0, 10.5]))
    assert pooled_width(graph, "mean", 5, 2) == 20
    assert pool_graph(values, graph, "mean", 1).shape == (2, 1)


def test_regions_need_images_with_as_many_patches() -> None:
    graph = build_patches(torch.zeros(1, 1, 3, 4), PatchGrid(channels=1, rows=3, columns=4, patch=1))
    with pytest.raises(UserError, match=r"encoder.regions: 4 a side of images of 3 x 4 patches"):
        pooled_width(graph, "mean", 5, 4)
    with pytest.raises(UserError, match=r"encoder.regions: above 1 it needs images"):
        pooled_width(Data(x=torch.zeros(3, 1)), "mean", 5, 2)
    with pytest.raises(UserError, match=r"pooling=frames takes all of a frame"):
        pooled_width(graph, "frames", 5, 2)


def test_the_last_node_of_each_stretch() -> None:
    nodes = torch.tensor([[1.0], [2], [3], [4]])
    batch, pos, ptr = torch.tensor([0, 0, 0, 1]), torch.tensor([0, 1, 2, 0]), torch.tensor([0, 3, 4])
    assert pool_pieces(nodes, batch, pos, ptr, ["last"], [1, 2]).tolist() == [[3, 2, 3], [4, 4, 0]]


def test_a_pyramid_and_the_share_of_positive_values() -> None:
    nodes = torch.tensor([[1.0], [-3.0], [0.0], [9.0], [7.0]])
    batch, pos, ptr = torch.tensor([0, 0, 0, 0, 1]), torch.tensor([0, 1, 2, 3, 0]), torch.tensor([0, 4, 5])
    found = pool_pieces(nodes, batch, pos, ptr, ["positive", "max"], [1, 2])
    assert found.tolist() == [[0.5, 9, 0.5, 1, 0.5, 9], [1, 7, 1, 7, 0, 0]]
