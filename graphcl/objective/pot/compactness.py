"""Node compactness and its lower bound (Yu et al., Provable Training for Graph Contrastive Learning, NeurIPS 2023)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from graphcl.encode.linear_layers import LinearLayer, Propagate
from graphcl.objective.pot.encoder import check_layers
from graphcl.objective.pot.entries import ByEntry
from graphcl.objective.pot.graph import Deletable, Patch, make_patch
from graphcl.objective.pot.intervals import Interval, trace
from graphcl.objective.pot.least import CHUNK_BYTES
from graphcl.objective.pot.reference import reference_score
from graphcl.objective.pot.rows import ByRow, Degrees, RowRule
from graphcl.objective.pot.score import Encoded, Inner, score_bound

#: (pair, neighbour) terms above which `inner: auto` takes intervals.
MOST_TERMS = 10**6
#: Rounding: this share of the scale of a score is taken off before a certificate is given.
ROUNDING = 1e-6


def compactness_weights(others: Tensor) -> Tensor:
    """``w_i = z_i / |z_i| - mean over k != i of z_k / |z_k|``: what view 1's z_i is multiplied with (section 3.1).

    ``z_1,i . w_2,i > 0`` says that node i is closer to its counterpart than to the mean other node. Detached: the
    other view is held fixed.

    Args:
        others: [N, d] latents of the other view.
    """
    unit = F.normalize(others.detach(), dim=1)
    return (len(unit) * unit - unit.sum(0)) / max(1, len(unit) - 1)


@dataclass(frozen=True, eq=False)
class Bound:
    """Lower bounds of scores.

    Attributes:
        lower: [n].
        margin: [n], what rounding may have added.
        output: The interval of the encoder's output at the targets.
    """

    lower: Tensor
    margin: Tensor
    output: Interval

    @property
    def certified(self) -> Tensor:
        """[n], whether the score is certainly positive."""
        return self.lower - self.margin > 0


def lower_bound(
    layers: Sequence[LinearLayer],
    x: Tensor,
    weights: Tensor,
    graph: Deletable,
    budget: Tensor,
    *,
    targets: Tensor | None = None,
    inner: Literal["auto", "interval", "row"] = "auto",
    by: Literal["row", "entry"] = "row",
    chunk_bytes: int = CHUNK_BYTES,
) -> Bound:
    """For each target a lower bound of ``weights_i . z_i`` over all deletions within the budget.

    It holds for the encoder and the input as given, the weights fixed, symmetric deletions, and a matrix normalised
    anew after them. Differentiable once in the layers, ``x`` and ``weights``.

    Args:
        layers: Of the encoder.
        x: [N, f], its input.
        weights: [n, d], one row for each target.
        graph: The graph before any deletion.
        budget: [N] int64, how many edges each node may lose.
        targets: [n] unique nodes, bounded with their full neighbourhood; None for all.
        inner: How what a target reads of its neighbours is bounded: by ``interval``; by ``row``, tighter, with sum of
            deg^2 terms; ``auto`` is row up to 10^6 terms.
        by: The bound of one propagation: the ``row`` bound, or the looser one of its entries.
        chunk_bytes: Temporaries stay near this many bytes; they are recomputed in the backward pass.

    Raises:
        UserError: a layer that cannot be bounded.
    """
    loops = check_layers(layers)
    depth = sum(isinstance(layer, Propagate) for layer in layers)
    patch = make_patch(graph, depth, targets)
    degrees = Degrees(patch.degree, patch.take(budget), int(loops))
    rule: RowRule = ByRow(degrees) if by == "row" else ByEntry(degrees)
    before = trace(layers, patch.take(x), patch, rule)
    encoded = Encoded(layers, before, patch, rule, chunk_bytes)
    chosen: Inner = inner if inner != "auto" else "row" if inner_terms(patch) <= MOST_TERMS else "interval"
    output = before[-1]
    simple = (weights.clamp_min(0) * output.low + weights.clamp_max(0) * output.high).sum(-1)
    lower = torch.maximum(score_bound(encoded, weights, chosen), simple)
    scale = (weights.abs() * torch.maximum(output.low.abs(), output.high.abs())).sum(-1)
    return Bound(lower, ROUNDING * scale.detach(), output)


def inner_terms(patch: Patch) -> int:
    """Terms of the rows of all pairs of a target and a neighbour: the sum of deg^2 where all nodes are targets."""
    if len(patch.sizes) < 3:
        return 0
    targets = patch.adjacency(patch.sizes[0])
    pairs = torch.bincount(targets.column, minlength=targets.width)
    return int((pairs * patch.degree[: targets.width]).sum())

@dataclass(frozen=True, eq=False)
class Compactness:
    """Of some nodes of one view, the other view held fixed.

    Attributes:
        nodes: [n], which nodes, counted from the first one whose latents were given.
        score: [n], the lower bound, or the surrogate, which is none.
        certified: [n], whether the compactness is certainly positive; never, for the surrogate.
        current: [n], the compactness of the view as it was drawn.
        budget: [n], how many edges each may lose.
        degree: [n].
    """

    nodes: Tensor
    score: Tensor
    certified: Tensor
    current: Tensor
    budget: Tensor
    degree: Tensor


def node_compactness(
    layers: Sequence[LinearLayer],
    x: Tensor,
    latents: Tensor,
    others: Tensor,
    graph: Deletable,
    budget: Tensor,
    *,
    targets: Tensor | None = None,
    first: int = 0,
    inner: Literal["auto", "interval", "row"] = "auto",
    propagate: Callable[[Tensor], Tensor] | None = None,
) -> Compactness:
    """Compactness of the nodes of a view against another.

    Args:
        layers: Of the encoder.
        x: [N, f], the encoder's input in this view.
        latents: [M, d], its output in this view.
        others: [M, d], the output in the other one.
        graph: The graph before any deletion.
        budget: [N] int64.
        targets: [n] unique rows of ``latents``; None for all.
        first: The node that row 0 of the latents is (where they are of one node type).
        inner: See :func:`lower_bound`.
        propagate: The matrix of the drawn view: the score is then the published surrogate
            (:func:`graphcl.objective.pot.reference.reference_score`) in the place of the bound.
    """
    picked = torch.arange(len(latents), device=latents.device) if targets is None else targets
    weights = compactness_weights(others.to(x.dtype))  # in half precision, where the encoder ran in it
    current = (latents.detach() * weights).sum(-1).index_select(0, picked)
    at = picked + first
    if propagate is None:
        whole = targets is None and len(latents) == graph.num_nodes
        weights = weights if whole else weights.index_select(0, picked)
        bound = lower_bound(layers, x, weights, graph, budget, targets=None if whole else at, inner=inner)
        score, certified = bound.lower, bound.certified
    else:
        score = reference_score(layers, x, weights, graph, budget, propagate).index_select(0, at)
        certified = torch.zeros_like(score, dtype=torch.bool)
    return Compactness(picked, score, certified, current, budget.index_select(0, at), graph.degree.index_select(0, at))
