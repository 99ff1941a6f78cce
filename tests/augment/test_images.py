"""Augmenters of images: what each does to pixels, and to the graph of patches."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from graphcl.augment import blur_images, crop_images, drop_edges, flip_images, grey_images, jitter_images
from graphcl.augment.pixels import blur_pixels, crop_pixels, jitter_pixels, luminance
from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.graph.patches import PatchGrid, build_patches, to_images
from tests.contract.toys import patch_graph, plain_graph

ALL = {
    "crop": lambda graph, draw: crop_images(graph, 0.3, generator=draw),
    "flip": lambda graph, draw: flip_images(graph, 0.5, generator=draw),
    "jitter": lambda graph, draw: jitter_images(graph, 0.5, generator=draw),
    "grey": lambda graph, draw: grey_images(graph, 0.5, generator=draw),
    "blur": lambda graph, draw: blur_images(graph, 0.5, generator=draw),
}


def shown(graph: object) -> Tensor:
    return to_images(graph.x, graph.layout)  # type: ignore[attr-defined]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32), name=st.sampled_from(sorted(ALL)), neighbours=st.sampled_from([0, 2]))
def test_pixels_stay_in_range_and_the_rest_of_the_graph_as_it_was(seed: int, name: str, neighbours: int) -> None:
    graph = patch_graph(neighbours)
    made = ALL[name](graph, generator(seed))
    assert float(shown(made).min()) >= 0
    assert float(shown(made).max()) <= 1 + 1e-6
    assert torch.equal(made.x[:, 12:], graph.x[:, 12:]), "row and column"
    assert torch.equal(made.batch, graph.batch)
    assert torch.equal(made.edge_index, build_patches(shown(made), graph.layout).edge_index)
    assert [g.num_edges for g in made.to_data_list()] == torch.bincount(made.batch[made.edge_index[0]]).tolist()


def test_nothing_happens_at_strength_0() -> None:
    graph, draw = patch_graph(), generator(0)
    for made in (
        crop_images(graph, 1.0, generator=draw), flip_images(graph, 0.0, generator=draw),
        jitter_images(graph, 0.0, generator=draw), grey_images(graph, 0.0, generator=draw),
        blur_images(graph, 0.0, generator=draw),
        jitter_images(graph, 1.0, brightness=0, contrast=0, saturation=0, generator=draw),
    ):  # fmt: skip
        torch.testing.assert_close(made.x, graph.x)


def test_a_flip_mirrors_left_and_right_and_twice_is_none() -> None:
    graph = patch_graph()
    once = flip_images(graph, 1.0, generator=generator(0))
    assert torch.equal(shown(once), shown(graph).flip(3))
    assert torch.equal(flip_images(once, 1.0, generator=generator(0)).x, graph.x)


def test_patches_keep_the_place_that_they_show() -> None:
    """On a picture of the coordinates a patch shows its place."""
    size, patch = 48, 6
    line = (torch.arange(float(size)) + 0.5) / size
    ramps = torch.stack([line[:, None].expand(size, size), line[None, :].expand(size, size)]).expand(20, 2, size, size)
    graph = build_patches(torch.cat([ramps, ramps[:, :1]], dim=1), PatchGrid(3, size // patch, size // patch, patch))
    seen = crop_images(flip_images(graph, 0.5, generator=generator(0)), 0.3, generator=generator(1))
    seen = flip_images(crop_images(seen, 0.5, generator=generator(2)), 0.5, generator=generator(3))
    cells = seen.x[:, : 3 * patch**2].view(-1, 3, patch, patch)[:, :2]
    # Pixels at the border of a piece are repeated, and those of the images are shown between.
    torch.testing.assert_close(cells.mean((2, 3)), seen.place[:, :2], atol=0.5 / size, rtol=0)
    across = (cells[:, 1, :, -1] - cells[:, 1, :, 0]).mean(1) * patch / (patch - 1)
    torch.testing.assert_close(across, seen.place[:, 3], atol=1.5 / size, rtol=0)
    assert bool((seen.place[:, 3] < 0).any())
    assert bool((seen.place[:, 2] > 0).all())
    assert torch.equal(jitter_images(seen, 1.0, generator=generator(4)).place, seen.place)


def test_a_crop_of_a_ramp_is_a_piece_of_it_of_the_stated_area() -> None:
    """On a picture of the coordinates, what a crop shows says where it was and how large."""
    line = (torch.arange(32.0) + 0.5) / 32
    ramps = torch.stack([line[None, :].expand(32, 32), line[:, None].expand(32, 32)]).expand(200, 2, 32, 32)
    made = crop_pixels(torch.cat([ramps, ramps[:, :1]], dim=1), 0.25, generator=generator(0))
    across, down = made[:, 0, 16, -1] - made[:, 0, 16, 0], made[:, 1, -1, 16] - made[:, 1, 0, 16]
    area = across * down * (32 / 31) ** 2
    assert float(area.min()) > 0.19  # pixels at the border are repeated
    assert float(area.max()) <= 1.001
    assert 0.5 < float(area.mean()) < 0.7
    assert made.unique(dim=0).shape[0] == 200, "each image has draws of its own"


def test_grey_has_the_luminance_in_all_channels() -> None:
    red = torch.zeros(1, 3, 4, 6)
    red[:, 0] = 1.0
    layout = PatchGrid(3, 2, 3, 2)
    made = shown(grey_images(build_patches(red, layout), 1.0, generator=generator(0)))
    torch.testing.assert_close(made, torch.full((1, 3, 4, 6), 0.299))
    torch.testing.assert_close(luminance(made), luminance(red))


def test_jitter_changes_brightness_alone_where_that_is_asked() -> None:
    half = torch.full((400, 1, 2, 2), 0.5)
    made = jitter_pixels(half, 0.4, 0.0, 0.0, generator=generator(0))[:, 0, 0, 0]
    assert 0.3 <= float(made.min()) < 0.32
    assert 0.68 < float(made.max()) <= 0.7
    contrast = jitter_pixels(torch.rand(9, 3, 4, 4, generator=generator(1)) * 0.2 + 0.4, 0.0, 0.4, 0.0,
                             generator=generator(0))
    before = torch.rand(9, 3, 4, 4, generator=generator(1)) * 0.2 + 0.4
    torch.testing.assert_close(luminance(contrast).mean((1, 2, 3)), luminance(before).mean((1, 2, 3)))


def test_a_blurred_point_is_a_gaussian_of_its_own_width() -> None:
    points = torch.zeros(2, 1, 9, 9)
    points[:, 0, 4, 4] = 1.0
    made = blur_pixels(points, torch.tensor([0.5, 1.0]))
    weight = torch.exp(-0.5 * (torch.arange(-2.0, 3) / 0.5) ** 2)
    weight = weight / weight.sum()
    torch.testing.assert_close(made[0, 0, 4, 2:7], weight * weight[2])
    torch.testing.assert_close(made.sum((1, 2, 3)), torch.ones(2))
    assert float(made[1, 0, 4, 4]) < float(made[0, 0, 4, 4])


def test_another_graph_is_refused() -> None:
    with pytest.raises(UserError, match="needs images as graphs of patches"):
        flip_images(plain_graph(), 0.5, generator=generator(0))
    fewer = drop_edges(patch_graph(2), 0.5, generator=generator(0))
    with pytest.raises(UserError, match="put them before those of edges"):
        flip_images(fewer, 0.5, generator=generator(0))
