"""Places of patches: how they move, and which patches of two views meet."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphcl.core.seeds import generator
from graphcl.graph import places
from graphcl.graph.places import boxes, match_places, move_places


def of_image(scale: list[float], offset: list[float], rows: int = 2, columns: int = 2) -> torch.Tensor:
    grid = boxes(rows, columns)
    return move_places(grid, grid, torch.tensor([scale]), torch.tensor([offset]))


def test_boxes_of_two_by_four() -> None:
    grid = boxes(2, 4)
    assert grid[0].tolist() == [0.25, 0.125, 0.5, 0.25]
    assert grid[5].tolist() == [0.75, 0.375, 0.5, 0.25]


def test_a_piece_and_its_mirror_image_by_hand() -> None:
    """The lower right quarter; then that with its columns in reverse."""
    piece = of_image([0.5, 0.5], [0.5, 0.5])
    assert piece.tolist() == [
        [0.625, 0.625, 0.25, 0.25], [0.625, 0.875, 0.25, 0.25], [0.875, 0.625, 0.25, 0.25], [0.875, 0.875, 0.25, 0.25],
    ]  # fmt: skip
    turned = move_places(piece, boxes(2, 2), torch.tensor([[1.0, -1.0]]), torch.tensor([[0.0, 1.0]]))
    assert turned[:, :2].tolist() == piece[[1, 0, 3, 2], :2].tolist()
    assert turned[:, 3].tolist() == [-0.25] * 4
    back = move_places(turned, boxes(2, 2), torch.tensor([[1.0, -1.0]]), torch.tensor([[0.0, 1.0]]))
    assert back.tolist() == piece.tolist()


def test_a_piece_of_a_mirrored_image_is_on_the_other_side() -> None:
    grid = boxes(1, 2)
    turned = move_places(grid, grid, torch.tensor([[1.0, -1.0]]), torch.tensor([[0.0, 1.0]]))
    left = move_places(turned, grid, torch.tensor([[1.0, 0.5]]), torch.tensor([[0.0, 0.0]]))
    assert left[:, 1].tolist() == [0.875, 0.625]


def test_who_shows_the_centre_by_hand() -> None:
    """View x is the whole of 2 x 2, view y its right half: its left patches lie where x has none of the left."""
    whole, right = of_image([1, 1], [0, 0]), of_image([1, 0.5], [0, 0.5])
    none = torch.zeros(4, dtype=torch.int64)
    # x: columns at .25 and .75; y: patches of width .25 from .5, centres at .625 and .875. (.75 is on the border.)
    assert match_places(whole, none, right, none).tolist() == [-1, 0, -1, 2]
    assert match_places(right, none, whole, none).tolist() == [1, 1, 3, 3]


def test_images_meet_their_own_alone() -> None:
    grid = boxes(1, 2)
    x, y = grid.repeat(2, 1), grid
    of_x, of_y = torch.tensor([0, 0, 1, 1]), torch.tensor([1, 1])
    assert match_places(x, of_x, y, of_y).tolist() == [-1, -1, 0, 1]
    empty = torch.zeros(0, dtype=torch.int64)
    assert match_places(x[:0], empty, y, of_y).tolist() == []
    assert match_places(x, of_x, y[:0], empty).tolist() == [-1] * 4


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), block=st.sampled_from([1, 7, 1 << 22]))
def test_it_is_the_search_by_loops_in_any_order_and_in_blocks(seed: int, block: int) -> None:
    draw = generator(seed)
    grid, images = boxes(3, 2), 4
    views = []
    for _ in range(2):
        scale = 0.3 + 0.7 * torch.rand(images, 2, generator=draw)
        offset = (1 - scale) * torch.rand(images, 2, generator=draw)
        order = torch.randperm(images * 6, generator=draw)
        place = move_places(grid.repeat(images, 1), grid, scale, offset)
        views.append((place[order], torch.arange(images).repeat_interleave(6)[order]))
    (x, of_x), (y, of_y) = views
    expected = []
    for box, image in zip(x, of_x, strict=True):
        inside = (of_y == image) & ((box[:2] - y[:, :2]).abs() <= y[:, 2:] / 2 + 1e-6).all(1)
        expected.append(int(inside.nonzero()[0]) if bool(inside.any()) else -1)
    before, places.BLOCK = places.BLOCK, block
    try:
        assert match_places(x, of_x, y, of_y).tolist() == expected
    finally:
        places.BLOCK = before
