"""Histograms of oriented gradients: what images say by the directions of their edges, place by place."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from graphcl.core.registry import register
from graphcl.tasks.baselines.embedded import Settings

ORIENTATIONS = 9
#: Below it the length of a block's histogram counts as nothing.
FAINT = 1e-2


@register("baseline", "hog", example={}, tasks=("graph",))
class Hog:
    """The probe on histograms of oriented gradients, and the mean colour of each cell: the strong plain one of images.

    Cells are about seven a side, of two pixels at least.
    """

    probe: ClassVar[str] = ""
    asks: ClassVar[str] = "pixels"

    def embeddings(self, graphs: Any, *, seed: int) -> Iterator[tuple[Settings, Tensor]]:
        """[G, d], of images of one size."""
        side = min(graphs.pixels.shape[2:])
        parts = [hog(some.float() / 255, max(2, side // 7)) for some in graphs.pixels.split(512)]
        yield {}, torch.cat(parts)


def hog(images: Tensor, cell: int) -> Tensor:
    """Histograms of oriented gradients (Dalal and Triggs, CVPR 2005), and the mean of each channel of each cell.

    Central differences, of the channel where they are largest; nine directions without a sign, a gradient being shared
    by the two next to its own; blocks of 2 x 2 cells that overlap, each of unit length. Pixels that fill no cell are
    left out, and an image without a block has colours alone.

    Args:
        images: [G, C, H, W] from 0 to 1.
        cell: Side of a cell in pixels.

    Returns:
        [G, 36 * blocks + C * cells].
    """
    framed = pad(images, (1, 1, 1, 1), mode="replicate")
    down = framed[:, :, 2:, 1:-1] - framed[:, :, :-2, 1:-1]
    right = framed[:, :, 1:-1, 2:] - framed[:, :, 1:-1, :-2]
    strength, channel = (down.square() + right.square()).sqrt().max(1, keepdim=True)
    angle = torch.atan2(down.gather(1, channel), right.gather(1, channel)) % math.pi
    place = angle / math.pi * ORIENTATIONS
    low = place.floor()
    share, low = place - low, low.long() % ORIENTATIONS
    votes = strength.new_zeros(len(images), ORIENTATIONS, *images.shape[2:])
    votes.scatter_add_(1, low, strength * (1 - share)).scatter_add_(1, (low + 1) % ORIENTATIONS, strength * share)
    cells, colours = avg_pool2d(votes, cell), avg_pool2d(images, cell).flatten(1)
    if min(cells.shape[2:]) < 2:
        return colours
    blocks = cells.unfold(2, 2, 1).unfold(3, 2, 1).permute(0, 2, 3, 1, 4, 5).flatten(3)
    blocks = blocks / (blocks.norm(dim=3, keepdim=True) + FAINT)
    return torch.cat([blocks.flatten(1), colours], dim=1)
