"""The backward pass: a lower bound of ``c . z_i`` for fixed c, by lines through the layers instead of intervals.

For a target i the score is a linear function of what the last propagation gives, up to the lines around activations:
``c . z_i >= constant + sum_j A'_ij v_ij`` where ``v_ij`` bounds ``g_i . h_j``, h the propagation's input, from below.
``v_ij`` is exact where h is; else it is the larger of two bounds: that of h's interval, and (``inner="row"``) the same
argument once more, for the pair (i, j), with ``v`` of the propagation before. ``A' >= 0`` lets bounds be put inside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from graphcl.encode.linear_layers import Activation, Affine, Linear, LinearLayer, Propagate, Skip
from graphcl.objective.pot.graph import Adjacency, Block, Patch
from graphcl.objective.pot.intervals import Interval
from graphcl.objective.pot.lines import activation_lines
from graphcl.objective.pot.pairs import Pairs, pair_products
from graphcl.objective.pot.rows import RowRule

Inner = Literal["interval", "row"]


@dataclass(frozen=True, eq=False)
class Encoded:
    """An encoder on a patch, with the intervals of every layer.

    Attributes:
        layers: Of the encoder.
        before: The interval before each layer, and the output's.
        patch: The nodes.
        rule: How one propagation is bounded.
        chunk_bytes: Temporaries of a chunk stay near this many bytes.
    """

    layers: Sequence[LinearLayer]
    before: Sequence[Interval]
    patch: Patch
    rule: RowRule
    chunk_bytes: int


@dataclass(frozen=True, eq=False)
class Linearised:
    """``score >= g . (value before layer ``at``) + constant``: g [..., d], constant [...]."""

    g: Tensor
    constant: Tensor
    at: int


def score_bound(encoded: Encoded, weights: Tensor, inner: Inner) -> Tensor:
    """Lower bounds [n] of ``weights_i . z_i`` over all deletions.

    Args:
        encoded: The encoder around n targets.
        weights: [n, d], fixed.
        inner: How the input of the last propagation is bounded for each pair of neighbours.
    """
    adjacency = encoded.patch.adjacency(weights.shape[0])
    start = Linearised(weights, weights.new_zeros(weights.shape[0]), len(encoded.layers))
    top = _pull(encoded, start, lambda values: values[: weights.shape[0]])
    at_edges, at_nodes = _before_propagation(encoded, top, adjacency, inner)
    at_edges = torch.cat([at_edges, at_edges.new_zeros(1)])  # the padding
    rows = [
        encoded.rule.block(_rectangle(at_edges, block.slots), at_nodes.index_select(0, block.rows), block, adjacency)
        for block in adjacency.blocks
    ]
    order = torch.cat([block.rows for block in adjacency.blocks]).argsort()
    return top.constant + torch.cat(rows).index_select(0, order)


def _rectangle(values: Tensor, slots: Tensor) -> Tensor:
    return values.index_select(0, slots.reshape(-1)).view(slots.shape)


def _pull(encoded: Encoded, state: Linearised, pick: Callable[[Tensor], Tensor]) -> Linearised:
    """Back to just after the last propagation before ``state.at``, through lines where there is an activation.

    Args:
        encoded: The encoder.
        state: Where we are.
        pick: Rows of a tensor of nodes that belong to the rows of ``state``.
    """
    for at in range(state.at - 1, -1, -1):
        layer = encoded.layers[at]
        if isinstance(layer, Propagate):
            break
        g, constant = state.g, state.constant
        match layer:
            case Activation():
                interval = encoded.before[at]
                g, more = activation_lines(pick(interval.low), pick(interval.high), layer.slope).pull(g)
                constant = constant + more
            case Skip():
                constant = constant + layer.weight * (g * pick(encoded.before[0].low)).sum(-1)
            case _:
                g, constant = _pull_affine(layer, g, constant)
        state = Linearised(g, constant, at)
    return state


def _pull_affine(layer: LinearLayer, g: Tensor, constant: Tensor) -> tuple[Tensor, Tensor]:
    if isinstance(layer, Linear):
        return g @ layer.weight.T, constant
    assert isinstance(layer, Affine)
    constant = constant + (g * layer.shift).sum(-1)
    return (g if layer.scale is None else g * layer.scale), constant


def _pull_while_linear(encoded: Encoded, state: Linearised) -> Linearised:
    """Back through linear maps only, which lose nothing, to a value whose interval is known."""
    while state.at and not encoded.before[state.at].exact:
        layer = encoded.layers[state.at - 1]
        if not isinstance(layer, Linear | Affine):
            break
        g, constant = _pull_affine(layer, state.g, state.constant)
        state = Linearised(g, constant, state.at - 1)
    return state


def _before_propagation(
    encoded: Encoded, state: Linearised, adjacency: Adjacency, inner: Inner
) -> tuple[Tensor, Tensor]:
    """Bounds of ``g_i . h_j`` for the neighbours j of each target [E], and for j = i [n]."""
    entry = Linearised(state.g, torch.zeros_like(state.constant), state.at - 1)
    entry = _pull_while_linear(encoded, entry)
    interval = encoded.before[entry.at]
    g, values = _against(entry.g, interval)
    at_edges = pair_products(g, values, adjacency, encoded.chunk_bytes) + entry.constant.index_select(0, adjacency.row)
    at_nodes = (g * values[: g.shape[0]]).sum(-1) + entry.constant
    if inner == "interval" or interval.exact:
        return at_edges, at_nodes
    by_row = _row_of_pairs(encoded, entry, adjacency)
    count = adjacency.column.numel()
    return torch.maximum(at_edges, by_row[:count]), torch.maximum(at_nodes, by_row[count:])


def _against(g: Tensor, interval: Interval) -> tuple[Tensor, Tensor]:
    """Factors whose product is the least value of ``g . x`` for x in the interval: of ``|g|`` and the radius, too."""
    if interval.exact:
        return g, interval.low
    return torch.cat([g, -g.abs()], -1), torch.cat([interval.centre, interval.radius], -1)


def _row_of_pairs(encoded: Encoded, entry: Linearised, targets: Adjacency) -> Tensor:
    """Bounds of ``g_i . x_j`` [E + n] (neighbours, then j = i), x the value before layer ``entry.at``, by the row of j.

    One rectangle holds nodes j of about equal degree: for each, all i it is a neighbour of, and all k that it reads.
    """
    rows = encoded.patch.adjacency(encoded.before[entry.at].count)
    pairs = Pairs.of(targets, rows.count)
    bounds, slots = [], []
    for block in rows.blocks:
        width = block.slots.shape[1]
        floats = (width + 2) * (8 * entry.g.shape[1] + 6 * width)
        for piece in block.split(encoded.chunk_bytes // (floats * entry.g.element_size())):
            sources, place, inside = pairs.of_nodes(piece.rows)
            bound = _recomputed(partial(_bound_piece, encoded, entry, rows), piece, sources)
            bounds.append(bound[inside])
            slots.append(place[inside])
    order = torch.cat(slots).argsort()
    found = torch.cat(bounds).index_select(0, order)
    return found + torch.cat([entry.constant.index_select(0, targets.row), entry.constant])


def _bound_piece(encoded: Encoded, entry: Linearised, rows: Adjacency, piece: Block, sources: Tensor) -> Tensor:
    """Bounds [B, S] for nodes j = ``piece.rows`` [B] of what the targets i = ``sources`` [B, S] ask of them."""
    g = entry.g.index_select(0, sources.reshape(-1)).view(*sources.shape, entry.g.shape[1])
    pulled = _pull(
        encoded,
        Linearised(g, g.new_zeros(sources.shape), entry.at),
        lambda values: values.index_select(0, piece.rows).unsqueeze(1),
    )
    inner = _pull_while_linear(encoded, Linearised(pulled.g, g.new_zeros(sources.shape), pulled.at - 1))
    columns = rows.columns_of(piece)
    columns = columns.masked_fill(columns == rows.width, 0)
    before = encoded.before[inner.at]
    near, values = _against(inner.g, _at(before, columns.reshape(-1)))
    own, mine = _against(inner.g, _at(before, piece.rows))
    at_neighbours = near @ values.view(*columns.shape, near.shape[-1]).transpose(1, 2) + inner.constant.unsqueeze(-1)
    at_node = (own * mine.unsqueeze(1)).sum(-1) + inner.constant
    return pulled.constant + encoded.rule.block(at_neighbours, at_node, piece, rows)


def _at(interval: Interval, nodes: Tensor) -> Interval:
    low = interval.low.index_select(0, nodes)
    return Interval(low, low if interval.exact else interval.high.index_select(0, nodes))


def _recomputed(function: Callable[..., Tensor], *args: object) -> Tensor:
    """Call it; where a gradient is wanted, keep nothing of it and call it again in the backward pass."""
    if not torch.is_grad_enabled():
        return function(*args)
    return checkpoint(function, *args, use_reentrant=False, preserve_rng_state=False)
