"""An image as a graph of its patches, and back: nodes are patches, edges join neighbours on the grid or in looks."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize, one_hot, pad
from torch_geometric.data import Batch as GraphBatch

from graphcl.core.errors import UserError
from graphcl.graph.batch import graph_batch
from graphcl.graph.places import PLACE, boxes, cells

#: Most patches of an image: nearest neighbours compare each with each.
MOST_PATCHES = 1024


class PatchGrid(NamedTuple):
    """How images are cut into patches and joined.

    Attributes:
        channels: C.
        rows: Patches from top to bottom.
        columns: Patches from left to right.
        patch: Pixels of a patch's side.
        grid: Whether a patch is joined with the eight around it.
        neighbours: With how many of the most similar patches of the image it is joined; 0: none.
        positions: Whether a node's features end with its row and column, one-hot.
        margin: Pixels around a patch that its node holds too; 0 beyond the image.
    """

    channels: int
    rows: int
    columns: int
    patch: int
    grid: bool = True
    neighbours: int = 0
    positions: bool = True
    margin: int = 0

    @property
    def nodes(self) -> int:
        """Patches of an image."""
        return self.rows * self.columns

    @property
    def side(self) -> int:
        """Of the square of pixels that a node holds."""
        return self.patch + 2 * self.margin

    @property
    def pixels(self) -> int:
        """Values of a patch and what is around it, the first columns of ``x``."""
        return self.channels * self.side**2


def build_patches(images: Tensor, layout: PatchGrid) -> GraphBatch:
    """Each image as a graph of patches (Vision GNN, Han et al., NeurIPS 2022, section 3.1).

    ``x`` is the flattened patch, channel by channel, with what is around it where there is a margin. Edges of nearest
    neighbours lead from the neighbour to the patch; near is a large cosine of the pixels, and of equally similar
    patches the one that is closer on the grid.

    >>> layout = PatchGrid(channels=1, rows=1, columns=2, patch=2, positions=False)
    >>> graphs = build_patches(torch.arange(8.0).view(1, 1, 2, 4), layout)
    >>> graphs.x.tolist(), graphs.edge_index.tolist()
    ([[0.0, 1.0, 4.0, 5.0], [2.0, 3.0, 6.0, 7.0]], [[0, 1], [1, 0]])

    Args:
        images: [G, C, rows * patch, columns * patch] floats.
        layout: How they are cut and joined.

    Returns:
        A batch of G graphs with ``x``, ``edge_index`` sorted by source, ``layout``, and ``place``
        (:data:`graphcl.graph.places.PLACE`).

    Raises:
        UserError: images of another size, or too many patches.
    """
    count, nodes = len(images), layout.nodes
    expected = (layout.channels, layout.rows * layout.patch, layout.columns * layout.patch)
    if images.dim() != 4 or tuple(images.shape[1:]) != expected:
        raise UserError(f"patches: the layout is of images {expected}, got {tuple(images.shape[1:])}")
    if layout.neighbours and nodes > MOST_PATCHES:
        raise UserError(f"patches: {nodes:,} patches an image, and nearest neighbours compare at most {MOST_PATCHES:,}")
    pixels = _cut(images, layout)
    keys = []  # of an edge: source * nodes + target within its image
    if layout.grid:
        keys.append(_grid_keys(layout.rows, layout.columns).to(images.device).expand(count, -1))
    if layout.neighbours:
        keys.append(_similar_keys(pixels, layout))
    edges, per_graph = _unique_edges(keys, count, nodes, images.device)
    x = pixels.flatten(0, 1)
    if layout.positions:
        x = torch.cat([x, _positions(layout).to(x).repeat(count, 1)], dim=1)
    sizes = torch.full((count,), nodes, device=images.device)
    place = boxes(layout.rows, layout.columns).to(x).repeat(count, 1)
    graphs = graph_batch(x, edges, sizes, per_graph, of_nodes={PLACE: place})
    graphs.layout = layout
    return graphs


def to_images(x: Tensor, layout: PatchGrid) -> Tensor:
    """[N, F] -> [G, C, H, W], the inverse of the cutting; of a pixel that several nodes hold, from its own patch."""
    c, p, m, side = layout.channels, layout.patch, layout.margin, layout.side
    cells = x[:, : layout.pixels].reshape(-1, layout.rows, layout.columns, c, side, side)[..., m : m + p, m : m + p]
    return cells.permute(0, 3, 1, 4, 2, 5).reshape(-1, c, layout.rows * p, layout.columns * p)


def _cut(images: Tensor, layout: PatchGrid) -> Tensor:
    """[G, nodes, C * side * side]."""
    wide = pad(images, (layout.margin,) * 4) if layout.margin else images
    cells = wide.unfold(2, layout.side, layout.patch).unfold(3, layout.side, layout.patch)
    return cells.permute(0, 2, 3, 1, 4, 5).reshape(len(images), layout.nodes, layout.pixels)


def _positions(layout: PatchGrid) -> Tensor:
    row, column = cells(layout.rows, layout.columns).T
    return torch.cat([one_hot(row, layout.rows), one_hot(column, layout.columns)], dim=1).float()


@lru_cache(maxsize=8)
def _grid_keys(rows: int, columns: int) -> Tensor:
    """Keys of the edges between patches that touch, at a corner too."""
    around = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if (a, b) != (0, 0)]
    place, keys = cells(rows, columns), []
    for step in around:
        to = place + torch.tensor(step)
        inside = ((to >= 0) & (to < torch.tensor([rows, columns]))).all(1)
        source = torch.arange(len(place))[inside]
        keys.append(source * len(place) + to[inside, 0] * columns + to[inside, 1])
    return torch.cat(keys)


def _similar_keys(pixels: Tensor, layout: PatchGrid) -> Tensor:
    """[G, nodes * k] keys of the edges from the k most similar other patches to each."""
    k, nodes = min(layout.neighbours, layout.nodes - 1), layout.nodes
    unit = normalize(pixels, dim=2)
    similar = unit @ unit.transpose(1, 2)
    similar = similar.masked_fill(torch.eye(nodes, dtype=torch.bool, device=pixels.device), -torch.inf)
    place = cells(layout.rows, layout.columns).float()
    closest = torch.cdist(place, place).argsort(dim=1, stable=True).to(pixels.device).expand(len(pixels), -1, -1)
    best = similar.gather(2, closest).argsort(dim=2, descending=True, stable=True)[:, :, :k]
    source = closest.gather(2, best)
    target = torch.arange(nodes, device=pixels.device)[:, None]
    return (source * nodes + target).flatten(1)


def _unique_edges(keys: list[Tensor], count: int, nodes: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """[2, E] edges of all images, each once, sorted by source, and [G] how many each image has."""
    if not keys:
        return torch.zeros(2, 0, dtype=torch.int64, device=device), torch.zeros(count, dtype=torch.int64, device=device)
    image = torch.arange(count, device=device)[:, None] * nodes**2
    every = torch.unique(torch.cat(keys, dim=1) + image)  # sorted: image, source, target
    member, within = every // nodes**2, every % nodes**2
    ends = torch.stack([within // nodes, within % nodes]) + member * nodes
    return ends, torch.bincount(member, minlength=count)
