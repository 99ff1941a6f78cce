"""Diffusion: a graph whose edges say how much reaches one node from another over paths of every length.

All kernels here are series ``S = sum_k c_k T^k`` of a normalised adjacency T, with ``c_k >= 0`` and
``sum_k c_k = 1`` (generalised graph diffusion: Gasteiger et al., NeurIPS 2019, eq. 1). The series ends where
the coefficients left out sum to at most ``tolerance``; the powers of T being at most 1 in norm, no entry of S
is further off than that. Only the strongest entries become edges; see :mod:`graphcl.graph.diffusion` for the cost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypedDict, Unpack

import numpy as np
import scipy.linalg
import scipy.sparse as sp
import torch
from torch import nn

from graphcl.augment.plain import plain
from graphcl.augment.restructure import in_either_row, is_symmetric, strongest, weighted_adjacency, with_edges
from graphcl.core.options import Count, Index, NonNegative, Positive, Share
from graphcl.core.registry import register
from graphcl.encode.base import Graph
from graphcl.graph.diffusion import by_part, dense_rows, geometric_coefficients, poisson_coefficients, series_rows
from graphcl.graph.operators.build import normalise

Norm = Literal["gcn", "sym", "row"]


class Kept(TypedDict, total=False):
    """What :func:`diffuse` diffuses and what of the result it keeps; its defaults are those."""

    top_k: int
    eps: float
    norm: Norm
    symmetric: bool


@plain
def diffuse(
    graph: Graph,
    coefficients: Sequence[float],
    *,
    top_k: Index = 64,
    eps: NonNegative = 1e-4,
    norm: Norm = "gcn",
    symmetric: bool = True,
    dense: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Graph:
    """The graph of the strongest entries of ``S = sum_k c_k T^k``.

    Args:
        graph: homogeneous, single or batched; its edge weights count. Nothing crosses connected parts.
        coefficients: ``c_0, c_1, ...``.
        top_k: entries kept in each row, what a node receives from; 0 keeps all.
        eps: entries below are left out.
        norm: what T is: ``gcn`` (with self loops), ``sym`` or ``row``; see :func:`build_operator`.
        symmetric: of a symmetric T, keep an entry when one of its two rows does, so that the result is
            symmetric too; False keeps at most ``top_k`` in every row.
        dense: S of a dense T, in the place of the series.

    Returns:
        The nodes as they were, with the entries of S as ``edge_weight``. Towers with ``norm: none`` use them as
        they are; the other norms take them for the weights of an adjacency.

    Raises:
        UserError: a heterogeneous graph, edge weights that cannot be used, or ``dense`` for a large graph.
    """
    matrix = normalise(weighted_adjacency(graph, "diffusion"), norm)
    parts = by_part(matrix)
    device = graph.edge_index.device
    blocks = series_rows(parts, coefficients, device) if dense is None else dense_rows(parts, dense)
    kept = strongest(blocks, matrix.shape[0], top_k=top_k, eps=eps).tocoo()
    kept = sp.csr_matrix((kept.data, (parts.order[kept.row], parts.order[kept.col])), shape=kept.shape)
    return with_edges(graph, in_either_row(kept) if symmetric and is_symmetric(matrix) else kept)


@plain
def ppr(
    graph: Graph, alpha: Share = 0.2, *, tolerance: Positive = 1e-4, exact: bool = False, **kept: Unpack[Kept]
) -> Graph:
    """Personalised PageRank, ``S = alpha (I - (1 - alpha) T)^-1`` (MVGRL: Hassani and Khasahmadi, ICML 2020).

    Args:
        graph: see :func:`diffuse`.
        alpha: probability that a walk goes back to its start, in (0, 1]; MVGRL has 0.2.
        tolerance: largest error of an entry of S, before the small ones are left out.
        exact: a dense inverse in double precision, for connected parts of at most 4,096 nodes.
        **kept: see :func:`diffuse`, which also says what comes back and what is refused.
    """

    def inverse(T: np.ndarray) -> np.ndarray:
        return alpha * np.linalg.inv(np.eye(len(T)) - (1.0 - alpha) * T)

    return diffuse(graph, geometric_coefficients(alpha, tolerance), dense=inverse if exact else None, **kept)


@plain
def heat(
    graph: Graph, t: NonNegative = 5.0, *, tolerance: Positive = 1e-4, exact: bool = False, **kept: Unpack[Kept]
) -> Graph:
    """Heat kernel, ``S = exp(-t L)`` with ``L = I - T`` (MVGRL: Hassani and Khasahmadi, ICML 2020).

    Args:
        graph: see :func:`diffuse`.
        t: time of diffusion; MVGRL has 5.
        tolerance: largest error of an entry of S, before the small ones are left out.
        exact: a dense matrix exponential in double precision, for connected parts of at most 4,096 nodes.
        **kept: see :func:`diffuse`, which also says what comes back and what is refused.
    """

    def exponential(T: np.ndarray) -> np.ndarray:
        return scipy.linalg.expm(t * (T - np.eye(len(T))))

    return diffuse(graph, poisson_coefficients(t, tolerance), dense=exponential if exact else None, **kept)


@plain
def markov(graph: Graph, steps: Count = 10, **kept: Unpack[Kept]) -> Graph:
    """Markov diffusion, ``S = 1/K sum_{k=1..K} T^k`` (Fouss et al., Neural Networks 2012); a finite sum, so exact.

    SSGC (Zhu and Koniusz, ICLR 2021) propagates with this mean.

    Args:
        graph: see :func:`diffuse`.
        steps: K.
        **kept: see :func:`diffuse`, which also says what comes back and what is refused.
    """
    return diffuse(graph, [0.0, *[1.0 / steps] * steps], **kept)


class _Diffusion(nn.Module):
    """What the diffusions have in common."""

    def __init__(
        self, top_k: Index = 64, eps: NonNegative = 1e-4, norm: Norm = "gcn", symmetric: bool = True
    ) -> None:
        """
        Args:
            top_k: Edges kept that lead to a node; 0 keeps all.
            eps: Weights below are left out.
            norm: Normalisation of the adjacency that is diffused; gcn adds self loops.
            symmetric: Whether a symmetric graph stays one, by keeping an edge for either of its ends.
        """
        super().__init__()
        self.kept: Kept = {"top_k": top_k, "eps": eps, "norm": norm, "symmetric": symmetric}


@register("augmenter", "ppr", example={"alpha": 0.2}, level="graph", stochastic=False, edges="new")
class PPR(_Diffusion):
    """Personalised PageRank as a weighted graph; see :func:`ppr`. A tower with `norm: none` uses it as it is."""

    def __init__(  # noqa: D417
        self, alpha: Share = 0.2, tolerance: Positive = 1e-4, exact: bool = False, **common: Any
    ) -> None:
        """
        Args:
            alpha: Probability that a walk goes back to its start.
            tolerance: Largest error of a weight.
            exact: Whether a dense inverse is taken (connected parts of at most 4,096 nodes).
        """
        super().__init__(**common)
        self.alpha, self.tolerance, self.exact = alpha, tolerance, exact

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The diffused graph; nothing is drawn."""
        return ppr(graph, self.alpha, tolerance=self.tolerance, exact=self.exact, **self.kept)


@register("augmenter", "heat", example={"t": 2.0}, level="graph", stochastic=False, edges="new")
class Heat(_Diffusion):
    """The heat kernel as a weighted graph; see :func:`heat`. A tower with `norm: none` uses it as it is."""

    def __init__(  # noqa: D417
        self, t: NonNegative = 5.0, tolerance: Positive = 1e-4, exact: bool = False, **common: Any
    ) -> None:
        """
        Args:
            t: Time of diffusion.
            tolerance: Largest error of a weight.
            exact: Whether a dense matrix exponential is taken (connected parts of at most 4,096 nodes).
        """
        super().__init__(**common)
        self.t, self.tolerance, self.exact = t, tolerance, exact

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The diffused graph; nothing is drawn."""
        return heat(graph, self.t, tolerance=self.tolerance, exact=self.exact, **self.kept)


@register("augmenter", "markov", example={"steps": 2}, level="graph", stochastic=False, edges="new")
class Markov(_Diffusion):
    """The mean of the first powers as a weighted graph; see :func:`markov`. `norm: none` uses it as it is."""

    def __init__(self, steps: Count = 10, **common: Any) -> None:  # noqa: D417
        """
        Args:
            steps: Number of powers.
        """
        super().__init__(**common)
        self.steps = steps

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The diffused graph; nothing is drawn."""
        return markov(graph, self.steps, **self.kept)
