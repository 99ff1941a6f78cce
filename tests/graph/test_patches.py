"""Images as graphs of patches: what is cut comes back, and which patches are joined."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Batch, Data

from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.graph.patches import PatchGrid, build_patches, to_images


def images(count: int, channels: int, height: int, width: int) -> torch.Tensor:
    return torch.rand(count, channels, height, width, generator=generator(0))


@pytest.mark.parametrize("positions", [True, False])
def test_patches_are_cut_where_a_slow_loop_cuts_them_and_join_again(positions: bool) -> None:
    layout = PatchGrid(channels=3, rows=2, columns=4, patch=3, positions=positions)
    whole = images(2, 3, 6, 12)
    graphs = build_patches(whole, layout)
    for g in range(2):
        for row in range(2):
            for column in range(4):
                x = graphs[g].x[row * 4 + column]
                expected = whole[g, :, 3 * row : 3 * row + 3, 3 * column : 3 * column + 3].flatten()
                assert torch.equal(x[:27], expected)
                if positions:
                    assert x[27:].nonzero().flatten().tolist() == [row, 2 + column]
    assert torch.equal(to_images(graphs.x, layout), whole)


def test_a_margin_shows_what_is_around_a_patch_and_images_still_come_back() -> None:
    layout = PatchGrid(channels=2, rows=2, columns=3, patch=2, positions=False, margin=1)
    whole = images(2, 2, 4, 6)
    graphs, framed = build_patches(whole, layout), torch.zeros(2, 2, 6, 8)
    framed[:, :, 1:5, 1:7] = whole
    for row in range(2):
        for column in range(3):
            expected = framed[1, :, 2 * row : 2 * row + 4, 2 * column : 2 * column + 4].flatten()
            assert torch.equal(graphs[1].x[row * 3 + column], expected)
    assert torch.equal(to_images(graphs.x, layout), whole)


def test_patches_that_touch_are_joined_both_ways() -> None:
    layout = PatchGrid(channels=1, rows=3, columns=3, patch=2)
    edges = build_patches(images(1, 1, 6, 6), layout).edge_index
    pairs = set(map(tuple, edges.T.tolist()))
    assert len(pairs) == edges.shape[1] == 40
    assert {b for a, b in pairs if a == 4} == {0, 1, 2, 3, 5, 6, 7, 8}
    assert {b for a, b in pairs if a == 0} == {1, 3, 4}
    assert pairs == {(b, a) for a, b in pairs}


def test_similar_patches_lead_to_a_patch_and_the_closer_of_equals_wins() -> None:
    """Patches 0, 2 and 3 of a row of five show one thing, 1 and 4 another."""
    layout = PatchGrid(channels=1, rows=1, columns=5, patch=2, grid=False, neighbours=1, positions=False)
    kinds = torch.tensor([[1.0, 0, 0, 0], [0, 1.0, 0, 0]])
    shown = kinds[torch.tensor([0, 1, 0, 0, 1])]
    graphs = build_patches(to_images(shown, layout), layout)
    assert sorted(map(tuple, graphs.edge_index.T.tolist())) == [(1, 4), (2, 0), (2, 3), (3, 2), (4, 1)]


def test_an_image_without_contrast_joins_each_patch_with_those_beside_it() -> None:
    layout = PatchGrid(channels=1, rows=4, columns=4, patch=2, grid=False, neighbours=2)
    source, target = build_patches(torch.ones(1, 1, 8, 8), layout).edge_index
    distance = (source // 4 - target // 4).abs() + (source % 4 - target % 4).abs()
    assert int(distance.max()) == 1
    assert torch.bincount(target).tolist() == [2] * 16


@pytest.mark.parametrize("neighbours", [0, 3, 50])
def test_a_batch_is_that_of_its_images(neighbours: int) -> None:
    layout = PatchGrid(channels=1, rows=2, columns=3, patch=2, neighbours=neighbours)
    whole = images(4, 1, 4, 6)
    together = build_patches(whole, layout)
    alone = [build_patches(image[None], layout) for image in whole]
    expected = Batch.from_data_list([Data(x=g.x, edge_index=g.edge_index) for g in alone])
    assert torch.equal(together.edge_index, expected.edge_index)
    assert torch.equal(together.ptr, expected.ptr)
    for one, again in zip(alone, together.to_data_list(), strict=True):
        assert torch.equal(one.edge_index, again.edge_index)
        assert torch.equal(one.x, again.x)


def test_what_cannot_be_cut_is_refused() -> None:
    with pytest.raises(UserError, match=r"layout is of images \(1, 4, 4\), got \(1, 4, 5\)"):
        build_patches(images(1, 1, 4, 5), PatchGrid(1, 2, 2, 2))
    with pytest.raises(UserError, match="compare at most"):
        build_patches(torch.zeros(1, 1, 66, 66), PatchGrid(1, 33, 33, 2, neighbours=2))
    empty = build_patches(torch.zeros(0, 1, 4, 4), PatchGrid(1, 2, 2, 2))
    assert empty.num_nodes == 0
