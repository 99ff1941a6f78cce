"""Where in an image its patches are, and which patches of two views of it show the same place."""

from __future__ import annotations

import torch
from torch import Tensor

from graphcl.graph.batch import pointer, ranges

#: Of each node, [N, 4]: row and column of the centre of what it shows in the original image, and its height and width
#: there, negative where it is shown in reverse. All count from 0 to 1.
PLACE = "place"
#: Pairs of patches that are compared at once.
BLOCK = 1 << 22


def cells(rows: int, columns: int) -> Tensor:
    """[nodes, 2], row and column of each patch of a grid."""
    return torch.cartesian_prod(torch.arange(rows), torch.arange(columns)).view(-1, 2)


def boxes(rows: int, columns: int) -> Tensor:
    """[nodes, 4], the places of the patches of an image that is shown as it is (see :data:`PLACE`)."""
    sides = torch.tensor([1 / rows, 1 / columns])
    return torch.cat([(cells(rows, columns) + 0.5) * sides, sides.expand(rows * columns, 2)], dim=1)


def move_places(place: Tensor, grid: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
    """What patches show of the original images, where these now show other pieces of what they showed before.

    >>> left_half = torch.tensor([[1.0, 0.5]]), torch.tensor([[0.0, 0.0]])
    >>> move_places(boxes(1, 2), boxes(1, 2), *left_half).tolist()
    [[0.5, 0.125, 1.0, 0.25], [0.5, 0.375, 1.0, 0.25]]

    Args:
        place: [G * nodes, 4], before.
        grid: [nodes, 4], :func:`boxes` of the grid of an image.
        scale: [G, 2]; the point u of an image, from 0 to 1, is now what was its point ``offset + scale * u``.
        offset: [G, 2].

    Returns:
        [G * nodes, 4].
    """
    nodes, grid = len(grid), grid.to(place)
    at = grid[:, :2].repeat(len(scale), 1)
    scale, offset = (part.to(place).repeat_interleave(nodes, 0) for part in (scale, offset))
    image = place[:, 2:] / grid[:1, 2:]  # the sides of all that was shown
    return torch.cat([place[:, :2] + image * (offset + scale * at - at), place[:, 2:] * scale], dim=1)


def match_places(x: Tensor, of_x: Tensor, y: Tensor, of_y: Tensor) -> Tensor:
    """For each patch of one view the patch of another that shows its centre; -1 where the other view does not.

    Args:
        x: [B, 4] places of the patches.
        of_x: [B] the image that each is of.
        y: [C, 4] places of those of the other view.
        of_y: [C] their images.

    Returns:
        [B] int64, positions in ``y``; of two patches with the point on their border, the first.
    """
    order = of_y.argsort(stable=True)
    images = int(torch.cat([of_x, of_y]).max()) + 1 if len(of_x) or len(of_y) else 0
    counts = torch.bincount(of_y, minlength=images)
    starts, most = pointer(counts), max(int(counts.max()) if images else 0, 1)
    found = torch.full((len(x),), len(y), dtype=torch.int64, device=x.device)
    for rows in torch.arange(len(x), device=x.device).split(max(BLOCK // most, 1)):
        number = counts[of_x[rows]]
        asking = rows.repeat_interleave(number)
        asked = order[ranges(starts[of_x[rows]], number)]
        apart = (x[asking, :2] - y[asked, :2]).abs()
        shown = (apart <= y[asked, 2:].abs() / 2 + 1e-6).all(1)
        found.scatter_reduce_(0, asking[shown], asked[shown], "amin")
    return found.masked_fill(found == len(y), -1)
