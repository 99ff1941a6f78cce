"""Graph embeddings that need no training. A method that does not beat them has learned nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate, normalize
from torch_geometric.data import Batch

from graphcl.augment.similar_words import word_sets
from graphcl.core.options import Count
from graphcl.core.registry import register
from graphcl.encode.pooling import pool
from graphcl.graph.code import layout_of
from graphcl.tasks.baselines.embedded import Settings


@register("baseline", "majority_graph", example={}, tasks=("graph",))
class MajorityGraph:
    """The most frequent class for every graph."""

    probe: ClassVar[str] = "majority"

    def embeddings(self, graphs: Batch, *, seed: int) -> Iterator[tuple[Settings, Tensor]]:
        """No information at all, [G, 1]."""
        yield {}, torch.zeros(graphs.num_graphs, 1)


@register("baseline", "pooled_features", example={}, tasks=("graph",))
class PooledFeatures:
    """The probe on the sum, or the mean, of a graph's node features, without edges; which of the two is chosen."""

    probe: ClassVar[str] = ""
    reads_x: ClassVar[bool] = True

    def embeddings(self, graphs: Batch, *, seed: int) -> Iterator[tuple[Settings, Tensor]]:
        """[G, F] both ways."""
        yield {"pooling": "sum"}, pool(graphs.x, graphs.batch, graphs.num_graphs, "sum")
        yield {"pooling": "mean"}, pool(graphs.x, graphs.batch, graphs.num_graphs, "mean")


@register("baseline", "flat_features", example={}, tasks=("graph",))
class FlatFeatures:
    """The probe on a graph's node features laid end to end: the raw pixels of an image, the raw values of a series.

    Nodes are taken in their order. Where graphs differ in size, each is brought to the median size by linear
    interpolation along that order. Columns that are the same everywhere are left out; where all are, as in images of
    one colour, the probe sees nothing and can only say the most frequent class.
    """

    probe: ClassVar[str] = ""
    reads_x: ClassVar[bool] = True

    def embeddings(self, graphs: Batch, *, seed: int) -> Iterator[tuple[Settings, Tensor]]:
        """[G, nodes * F]."""
        sizes = graphs.ptr.diff()
        width = int(sizes.median())
        if bool((sizes == width).all()):
            rows = graphs.x.reshape(len(sizes), -1)
        else:
            parts = graphs.x.split(sizes.tolist())
            rows = torch.stack([interpolate(x.T[None], width, mode="linear").flatten() for x in parts])
        varies = (rows != rows[:1]).any(0)
        yield {}, rows[:, varies] if bool(varies.any()) else torch.zeros_like(rows[:, :1])


@register("baseline", "connectivity", example={}, tasks=("graph",))
class Connectivity:
    """The probe on the correlations of all pairs of regions over the whole of each scan, the plain one of fMRI."""

    probe: ClassVar[str] = ""
    asks: ClassVar[str] = "connectivity"

    def embeddings(self, graphs: Any, *, seed: int) -> Iterator[tuple[Settings, Tensor]]:
        """[G, R (R - 1) / 2], of scans of R regions."""
        yield {}, graphs.connectivity()


@register("baseline", "token_jaccard", example={}, tasks=("graph",))
class TokenJaccard:
    """Programs are as similar as their sets of words: shared words over all words of the two, by the probe map_at_r.

    The bar of clone retrieval: it knows nothing of order or structure, and names and constants tell much.
    """

    probe: ClassVar[str] = "map_at_r"
    probe_options: ClassVar[dict[str, str]] = {"similarity": "jaccard"}

    def embeddings(self, graphs: Batch, *, seed: int) -> Iterator[tuple[Settings, Tensor]]:
        """[G, words] of 0 and 1."""
        sets = word_sets([graphs], layout_of(graphs).buckets)
        yield {}, torch.from_numpy(sets[:, np.unique(sets.indices)].toarray())


@register("baseline", "wl_histogram", example={"steps": 1}, tasks=("graph",))
class WLHistogram:
    """How often each Weisfeiler-Lehman colour occurs in a graph (Shervashidze et al., JMLR 2011), rows of length 1.

    A node's first colour is its feature row; each step refines it by the colours of its neighbours.
    """

    probe: ClassVar[str] = ""
    reads_x: ClassVar[bool] = True

    def __init__(self, steps: Count = 3, max_colours: Count = 1024) -> None:
        """
        Args:
            steps: Refinements; the colours of all of them are counted.
            max_colours: Most frequent colours that are counted.
        """
        self.steps, self.max_colours = steps, max_colours

    def embeddings(self, graphs: Batch, *, seed: int) -> Iterator[tuple[Settings, Tensor]]:
        """[G, colours]."""
        blocks, total = [], 0
        for colours in wl_colours(graphs.x, graphs.edge_index, self.steps):
            blocks.append(colours + total)
            total += int(colours.max()) + 1
        every = torch.stack(blocks, dim=1)  # [N, steps + 1]
        frequent = torch.bincount(every.flatten(), minlength=total).argsort(descending=True, stable=True)
        column = torch.full((total,), -1).index_copy_(0, frequent, torch.arange(total))
        kept = column[every.flatten()]
        row = graphs.batch.repeat_interleave(every.shape[1])[kept < self.max_colours]
        width = min(total, self.max_colours)
        cells = torch.bincount(row * width + kept[kept < self.max_colours], minlength=graphs.num_graphs * width)
        yield {}, normalize(cells.view(graphs.num_graphs, width).float(), dim=1)


def wl_colours(x: Tensor, edge_index: Tensor, steps: int) -> Iterator[Tensor]:
    """Weisfeiler-Lehman colours before and after each refinement, numbered over all graphs.

    Args:
        x: [N, F], equal rows are one colour.
        edge_index: [2, E].
        steps: Number of refinements.

    Yields:
        [N] int64; two nodes share a colour exactly if they, and the multisets of their neighbours, did before.
    """
    colours = torch.unique(x, dim=0, return_inverse=True)[1]
    yield colours
    source, target = edge_index
    for _ in range(steps):
        neighbours: list[list[int]] = [[] for _ in range(x.shape[0])]
        for node, colour in zip(target.tolist(), colours[source].tolist(), strict=True):
            neighbours[node].append(colour)
        names: dict[tuple[int, ...], int] = {}
        signatures = [(own, *sorted(around)) for own, around in zip(colours.tolist(), neighbours, strict=True)]
        colours = torch.tensor([names.setdefault(signature, len(names)) for signature in signatures])
        yield colours
