"""Series of a sparse matrix, ``S = sum_k c_k T^k``, some rows at a time: nothing of N x N exists.

The work is (terms) x (entries of T) x (nodes of the largest connected part).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.graph.operators import SparseOperator

#: First row, first column, and the entries [rows, columns] from there on.
Block: TypeAlias = tuple[int, int, Tensor]
#: Bytes of one of the dense blocks, of which there are three.
BLOCK_BYTES = 32 * 2**20
#: Nodes of the largest connected part that a dense matrix is made for.
EXACT_LIMIT = 4096


def geometric_coefficients(alpha: float, tolerance: float) -> list[float]:
    """``alpha (1 - alpha)^k``, as many as leave out a sum of at most ``tolerance``.

    >>> geometric_coefficients(0.5, 0.25)
    [0.5, 0.25]
    """
    count = 1 if alpha == 1.0 else max(1, math.ceil(math.log(tolerance) / math.log1p(-alpha)))
    return [alpha * (1.0 - alpha) ** k for k in range(count)]


def poisson_coefficients(t: float, tolerance: float) -> list[float]:
    """``exp(-t) t^k / k!``, as many as leave out a sum of at most ``tolerance``.

    >>> poisson_coefficients(0.0, 1e-4)
    [1.0]
    """
    found: list[float] = []
    left = 1.0
    while left > tolerance:
        k = len(found)
        found.append(math.exp(k * math.log(t) - t - math.lgamma(k + 1)) if t else 1.0)
        left = 1.0 - math.fsum(found)
    return found


class Parts(NamedTuple):
    """A matrix whose connected parts follow each other.

    Attributes:
        matrix: [N, N], rows and columns in ``order``.
        sizes: of the parts.
        order: [N], which row of the given matrix each row is.
    """

    matrix: sp.csr_matrix
    sizes: np.ndarray
    order: np.ndarray


def by_part(matrix: sp.csr_matrix) -> Parts:
    """Nodes sorted by connected part; the graphs of a batch are parts, so nothing can cross them."""
    _, part = sp.csgraph.connected_components(matrix, connection="weak")
    order = np.argsort(part, kind="stable")
    return Parts(matrix[order][:, order], np.bincount(part), order)


def series_rows(parts: Parts, coefficients: Sequence[float], device: torch.device) -> Iterator[Block]:
    """All rows of ``S`` within their connected part, by products alone.

    Args:
        parts: T.
        coefficients: ``c_0, c_1, ...``.
        device: where it is computed.
    """
    # Row i of S is column i of the series of T^T. Parts do not meet, so one dense column serves a node of each.
    count, sizes = parts.matrix.shape[0], parts.sizes
    operator = SparseOperator.from_scipy(parts.matrix, device).T
    starts = np.cumsum(sizes) - sizes
    place = torch.from_numpy(np.arange(count) - np.repeat(starts, sizes)).to(device)
    widest, width = int(sizes.max(initial=0)), max(1, BLOCK_BYTES // (4 * max(count, 1)))
    for first in range(0, widest, width):
        stop = min(first + width, widest)
        ours = ((place >= first) & (place < stop)).nonzero().view(-1)
        power = torch.zeros(count, stop - first, device=device)
        power[ours, place.index_select(0, ours) - first] = 1.0
        total = coefficients[0] * power
        for coefficient in coefficients[1:]:
            power = operator.propagate(power)
            total.add_(power, alpha=coefficient)
        for part in np.flatnonzero(sizes > first):
            start, size = int(starts[part]), int(sizes[part])
            yield start + first, start, total[start : start + size, : min(size, stop) - first].T


def dense_rows(parts: Parts, function: Callable[[np.ndarray], np.ndarray]) -> Iterator[Block]:
    """The rows of ``function(T)`` of each connected part as a dense matrix in double precision.

    Raises:
        UserError: a part has more than 4,096 nodes.
    """
    largest = int(parts.sizes.max(initial=0))
    if largest > EXACT_LIMIT:
        raise UserError(
            f"exact diffusion makes a dense matrix of at most {EXACT_LIMIT:,} nodes, and the largest connected part has"
            f" {largest:,}: leave 'exact' out; the series is within 'tolerance'"
        )
    start = 0
    for size in parts.sizes.tolist():
        stop = start + size
        part = parts.matrix[start:stop, start:stop].toarray().astype(np.float64)
        yield start, start, torch.from_numpy(function(part)).float()
        start = stop
