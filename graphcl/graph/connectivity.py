"""Regions over time as graphs: correlations in sliding windows, and their strongest pairs as edges."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.data import Data

#: A deviation that is this small beside the values is rounding, and the region constant.
SILENT = 1e-6


def correlations(values: Tensor) -> Tensor:
    """Pearson correlation of each pair of columns; 0 with a column that is constant, itself included.

    >>> correlations(torch.tensor([[1.0, 3.0, 5.0], [2.0, 2.0, 5.0], [3.0, 1.0, 5.0]])).tolist()
    [[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]

    Args:
        values: [..., time, R].

    Returns:
        [..., R, R], exactly symmetric.
    """
    values = values.double()
    centred = values - values.mean(-2, keepdim=True)
    norm, silent = centred.norm(dim=-2, keepdim=True), constant(values)[..., None, :]
    rows = (centred / norm.masked_fill(silent, 1)).masked_fill(silent, 0).mT.float()
    found = (rows @ rows.mT).clamp(-1, 1)
    return (found + found.mT) / 2


def constant(values: Tensor) -> Tensor:
    """[..., time, R] -> [..., R] bool: columns that never change."""
    return values.std(-2, correction=0) <= SILENT * values.abs().amax(-2)


def sliding(values: Tensor, window: int, stride: int) -> Tensor:
    """[time, R] -> [windows, window, R], a view; with ``window`` 0 all of it is the one window."""
    return values.unfold(0, window, stride).mT if window else values[None]


def windows_of(time: int, window: int, stride: int) -> int:
    """How many windows :func:`sliding` gives; 0 where the series is too short for one."""
    return max(0, (time - window) // stride + 1) if window else 1


def cuts(found: Tensor, share: float, k: int = 0) -> Tensor:
    """Above which correlation a pair is an edge.

    Half way to the next weaker pair, so that rounding decides nothing.

    Args:
        found: [T, R, R] correlations.
        share: Of the pairs of regions of a window, those that are the strongest.
        k: Strongest partners of each region, in the place of the share; 0: the share.

    Returns:
        [T, R]: a pair is an edge where its correlation is above the cut of either region.
    """
    number, regions = found.shape[:2]
    if k:
        own = torch.eye(regions, dtype=torch.bool)
        ranked, kept = found.masked_fill(own, -torch.inf), min(k, regions - 1)
    else:
        first, second = torch.triu_indices(regions, regions, 1)
        ranked = found.flatten(1).index_select(1, first * regions + second)[:, None]
        kept = round(share * ranked.shape[2])
    if not kept:
        return found.new_full((number, regions), torch.inf)
    best = torch.cat([ranked, ranked.new_full((*ranked.shape[:2], 1), -2.0)], dim=2).topk(kept + 1).values
    return ((best[..., -2] + best[..., -1].clamp_min(-2.0)) / 2).expand(number, regions).contiguous()


def strongest(found: Tensor, above: Tensor) -> Tensor:
    """Edges both ways between regions of a window whose correlation is above a cut; none with a constant region.

    Args:
        found: [T, R, R] correlations.
        above: [T, R], see :func:`cuts`.

    Returns:
        [2, E], region r of window t being node ``t * R + r``.
    """
    regions = found.shape[1]
    linked = (found > above[:, :, None]) | (found > above[:, None, :])
    linked &= (found != 0) & ~torch.eye(regions, dtype=torch.bool)
    window, source, target = linked.nonzero().unbind(1)
    return torch.stack([window * regions + source, window * regions + target])


def build_connectivity(values: Tensor, window: int = 0, stride: int = 1, share: float = 0.1, k: int = 0) -> Data:
    """The graphs of one scan, a window after the other, as one graph.

    Args:
        values: [time, R].
        window: Samples of a window; 0 takes all.
        stride: Samples from one window to the next.
        share: Of the pairs of regions, the strongest that are edges.
        k: Strongest partners of each region, in the place of the share.

    Returns:
        ``x`` [T R, R] (a region's correlations with all), ``pos`` [T R] (the window of each node), ``edge_index``
        within windows, ``joints`` [1] (R), ``num_nodes``.
    """
    found = correlations(sliding(values, window, stride))
    number, regions = found.shape[:2]
    return Data(
        x=found.reshape(number * regions, regions),
        pos=torch.arange(number).repeat_interleave(regions),
        edge_index=strongest(found, cuts(found, share, k)),
        joints=torch.tensor([regions]),
        num_nodes=number * regions,
    )
