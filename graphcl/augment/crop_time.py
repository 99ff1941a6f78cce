"""Two crops of a window that overlap: one series, seen with two pasts."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from graphcl.augment.chain_pieces import TOO_SHORT, number_too_short
from graphcl.augment.plain import plain
from graphcl.augment.rebuild import uniform, with_values
from graphcl.core.registry import register
from graphcl.encode.base import Graph
from graphcl.encode.windows import read_windows

#: Above a half, so that any two crops overlap.
CropShare = Annotated[float, Field(gt=0.5, le=1.0)]
#: Mask [n] of the rows that are in both crops.
OVERLAP = "overlap"


@plain
def crop_time(graph: Graph, ratio: CropShare, *, place: Literal[0, 1] = 0, generator: torch.Generator) -> Graph:
    """Show one of two crops of ``ceil(ratio L)`` rows of each window of L rows (TS2Vec, Yue et al., AAAI 2022, 3.2).

    The two begin at different rows, wherever both fit. Rows keep their places: those outside of the crop show its
    first or last row, so that a tower that reads the past of a row sees two different ones in the two crops. The mask
    ``overlap`` [n] says which rows are in both.

    >>> from graphcl.graph.window import build_windows
    >>> window = build_windows(torch.arange(6.0)[:, None], torch.tensor([0]), torch.tensor([6]))
    >>> for place in (0, 1):
    ...     draw = torch.Generator().manual_seed(1)
    ...     crop = crop_time(window, 0.7, place=place, generator=draw)
    ...     print(crop.x.view(-1).tolist(), crop.overlap.int().tolist())
    [0.0, 1.0, 2.0, 3.0, 4.0, 4.0] [0, 1, 1, 1, 1, 0]
    [1.0, 1.0, 2.0, 3.0, 4.0, 5.0] [0, 1, 1, 1, 1, 0]

    Args:
        graph: windows of a table.
        ratio: share of a window that a crop has.
        place: which of the two; equal generators draw the same two.
        generator: source of the draws.

    Raises:
        UserError: the graph is not one of windows, or a value is out of range.
    """
    windows = read_windows(graph)
    lengths = windows.ptr.diff()
    width = (lengths.double() * ratio - 1e-9).ceil().long()
    first, second = _two_starts(lengths - width, windows.x, generator)
    own = first if place == 0 else second
    start, stop = (x.index_select(0, windows.batch) for x in (own, own + width - 1))
    shown = torch.minimum(torch.maximum(windows.pos, start), stop) + windows.ptr.index_select(0, windows.batch)
    low, high = torch.maximum(first, second), torch.minimum(first, second) + width
    both = [x.index_select(0, windows.batch) for x in (low, high)]

    result = with_values(graph, windows.x.index_select(0, shown))
    result[OVERLAP] = windows.spread((windows.pos >= both[0]) & (windows.pos < both[1]))
    result[TOO_SHORT] = number_too_short(graph) + int(((lengths == width) & (ratio < 1)).sum())
    return result


def _two_starts(room: Tensor, like: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Two different rows of ``0..room`` for each window [G]; both 0 where there is no room."""
    draws = uniform((2, len(room)), like, generator).double()
    first = torch.minimum((draws[0] * (room + 1)).long(), room)
    other = torch.minimum((draws[1] * room).long(), (room - 1).clamp_min(0))
    second = torch.where(room > 0, other + (other >= first).long(), first)
    return first, second


@register(
    "augmenter", "crop_time", example={"ratio": 0.75}, level="graph", stochastic=True, edges="windows",
    row_sets=(OVERLAP,),
)  # fmt: skip
class CropTime(nn.Module):
    """Shows one of two overlapping crops of each window; see :func:`crop_time`. Addresses then know rows ``overlap``.

    Views of places 0 and 1 are the two crops of one draw.
    """

    #: the crops are drawn for all views of a step
    shares_draws = True

    def __init__(self, ratio: CropShare = 0.75, place: Literal[0, 1] = 0) -> None:
        """
        Args:
            ratio: Share of a window that a crop has, rounded up.
            place: Which of the two crops this view shows.
        """
        super().__init__()
        self.ratio, self.place = ratio, place

    def forward(self, graph: Graph, *, generator: torch.Generator, shared: torch.Generator | None = None) -> Graph:
        """The windows with rows outside of the crop hidden.

        Args:
            graph: Windows.
            generator: Source of the draws of a view alone.
            shared: Source of the draws where several views share them.
        """
        return crop_time(graph, self.ratio, place=self.place, generator=generator if shared is None else shared)
