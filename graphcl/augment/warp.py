"""Chains of values stretched along time, moved along their channels, or made louder."""

from __future__ import annotations

import torch
from torch import nn

from graphcl.augment.plain import plain
from graphcl.augment.rebuild import uniform, with_values
from graphcl.augment.values import normal
from graphcl.core.options import NonNegative
from graphcl.core.registry import register
from graphcl.encode.base import Graph
from graphcl.encode.windows import read_windows


@plain
def stretch_time(graph: Graph, most: NonNegative, *, generator: torch.Generator) -> Graph:
    """Play each chain of values faster or slower around its middle, by a factor of ``1 / (1 + most)`` to ``1 + most``.

    Values between nodes are interpolated; nodes keep their number, so that what a slower chain has no room for is cut
    off, and a faster one stays at its first and last value.

    Args:
        graph: chains of values.
        most: the logarithm of the factor is drawn from ``-log(1 + most)`` to ``log(1 + most)``, all alike.
        generator: source of the draws.

    Raises:
        UserError: the graph is not one of chains of values, or a value is out of range.
    """
    chains = read_windows(graph)
    lengths = chains.ptr.diff()
    factor = (1.0 + most) ** (2.0 * uniform(len(lengths), chains.x, generator).double() - 1.0)
    last = (lengths - 1).double().index_select(0, chains.batch)
    at = (chains.pos - last / 2) * factor.index_select(0, chains.batch) + last / 2
    at = torch.minimum(at.clamp_min(0), last)
    low = at.floor()
    share = (at - low).to(chains.x.dtype)[:, None]
    start = chains.ptr.index_select(0, chains.batch)
    before, after = start + low.long(), start + torch.minimum(low + 1, last).long()

    return with_values(graph, chains.x.index_select(0, before).lerp(chains.x.index_select(0, after), share))


@plain
def shift_bands(graph: Graph, most: NonNegative, *, generator: torch.Generator) -> Graph:
    """Move each chain's columns by up to ``most`` columns, interpolated, as another voice has its bands elsewhere.

    A perturbation of the length of the vocal tract (Jaitly and Hinton, 2013) on log-mel frames. Beyond the ends stand
    the first and the last column.

    Args:
        graph: chains of values whose columns are in order (bands of a spectrum).
        most: the shift is drawn from ``-most`` to ``most``, all alike.
        generator: source of the draws.

    Raises:
        UserError: the graph is not one of chains of values, or a value is out of range.
    """
    chains = read_windows(graph)
    columns = chains.x.shape[1]
    shift = most * (2.0 * uniform(len(chains.ptr) - 1, chains.x, generator).double() - 1.0)
    at = (torch.arange(columns, device=shift.device) + shift[:, None]).clamp(0, columns - 1)
    low = at.floor()
    share = (at - low).to(chains.x.dtype).index_select(0, chains.batch)
    before = low.long().index_select(0, chains.batch)

    after = (before + 1).clamp_max(columns - 1)
    return with_values(graph, chains.x.gather(1, before).lerp(chains.x.gather(1, after), share))


@plain
def shift_values(graph: Graph, sigma: NonNegative, *, generator: torch.Generator) -> Graph:
    """Add one draw of N(0, ``sigma`` squared) to all values of each chain: the volume, where values are logarithms.

    Args:
        graph: chains of values.
        sigma: standard deviation, in the unit of ``x``.
        generator: source of the draws.

    Raises:
        UserError: the graph is not one of chains of values, or a value is out of range.
    """
    chains = read_windows(graph)
    moved = sigma * normal((len(chains.ptr) - 1, 1), chains.x, generator).index_select(0, chains.batch)
    return with_values(graph, chains.x + moved)


@register("augmenter", "stretch_time", example={"most": 0.5}, level="graph", stochastic=True, edges="windows")
class StretchTime(nn.Module):
    """Plays each chain of values faster or slower; see :func:`stretch_time`."""

    def __init__(self, most: NonNegative = 0.2) -> None:
        """
        Args:
            most: By how much, at most; 0.2 draws factors of 1 / 1.2 to 1.2.
        """
        super().__init__()
        self.most = most

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The chains at other speeds."""
        return stretch_time(graph, self.most, generator=generator)


@register("augmenter", "shift_bands", example={"most": 1.5}, level="graph", stochastic=True, edges="windows")
class ShiftBands(nn.Module):
    """Moves the columns of each chain of values; see :func:`shift_bands`."""

    def __init__(self, most: NonNegative = 2.0) -> None:
        """
        Args:
            most: Columns, at most, in either direction.
        """
        super().__init__()
        self.most = most

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The chains with moved columns."""
        return shift_bands(graph, self.most, generator=generator)


@register("augmenter", "shift_values", example={"sigma": 0.5}, level="graph", stochastic=True, edges="windows")
class ShiftValues(nn.Module):
    """Adds one number to all values of a chain; see :func:`shift_values`."""

    def __init__(self, sigma: NonNegative = 0.2) -> None:
        """
        Args:
            sigma: Standard deviation of that number.
        """
        super().__init__()
        self.sigma = sigma

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The chains at other volumes."""
        return shift_values(graph, self.sigma, generator=generator)
