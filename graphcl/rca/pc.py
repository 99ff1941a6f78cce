"""The PC algorithm (Spirtes and Glymour, 1991) with Fisher's z test, in its order-independent form (Colombo and
Maathuis, 2014): which series stay correlated whatever few others are held fixed, and which way the edges point.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from scipy.stats import norm

#: Variables that are held fixed at most; more would need more rows than an incident has.
MOST_FIXED = 2
#: Neighbours of a pair of which sets are formed, the most correlated first.
MOST_NEIGHBOURS = 8


def pc_edges(
    values: np.ndarray, alpha: float = 0.05, *, jitter: float = 1e-6, seed: int = 0
) -> list[tuple[int, int, float]]:
    """(cause, effect, weight) for each directed edge; an edge that may point either way is given both ways.

    Args:
        values: [T, C] series without missing values; constants get no edges.
        alpha: Level of the tests.
        jitter: Deviation of noise that is added to the standardised series, so that none is a copy of another.
        seed: Of the noise.

    Returns:
        Edges, the weight being the smallest absolute partial correlation that was seen.
    """
    moving = np.flatnonzero(np.ptp(values, axis=0) > 0)
    scaled = (values[:, moving] - values[:, moving].mean(axis=0)) / values[:, moving].std(axis=0)
    scaled = scaled + jitter * np.random.default_rng(seed).standard_normal(scaled.shape)
    if len(moving) < 2:
        return []
    weight, fixed = skeleton(np.corrcoef(scaled.T), len(values), alpha)
    points = orient(weight > 0, fixed)
    return [
        (int(moving[cause]), int(moving[effect]), float(weight[cause, effect]))
        for cause, effect in np.argwhere(points).tolist()
    ]


def skeleton(correlation: np.ndarray, rows: int, alpha: float) -> tuple[np.ndarray, dict[frozenset[int], set[int]]]:
    """[C, C] smallest absolute partial correlation of each adjacent pair, 0 where not adjacent; and what was held fixed
    where a pair was found independent.
    """
    size = len(correlation)
    weight = np.abs(correlation) * (1 - np.eye(size))
    fixed: dict[frozenset[int], set[int]] = {}
    for depth in range(MOST_FIXED + 1):
        if rows - depth - 3 < 1:
            break
        least = float(np.tanh(norm.isf(alpha / 2) / np.sqrt(rows - depth - 3)))
        before = weight.copy()  # order-independent: neighbours are those at the beginning of a depth
        for one, two in combinations(range(size), 2):
            if weight[one, two] == 0:
                continue
            found, chosen = _weakest(correlation, before, one, two, depth, least)
            weight[one, two] = weight[two, one] = min(weight[one, two], found) if found >= least else 0.0
            if found < least:
                fixed[frozenset((one, two))] = chosen
    return weight, fixed


def _weakest(
    correlation: np.ndarray, adjacent: np.ndarray, one: int, two: int, depth: int, least: float
) -> tuple[float, set[int]]:
    """The first absolute partial correlation below ``least`` over sets of ``depth`` neighbours, else the smallest."""
    best, chosen = np.inf, set[int]()
    for end, other in ((one, two), (two, one)):
        order = np.argsort(-adjacent[end], kind="stable")
        near = [node for node in order.tolist() if adjacent[end, node] > 0 and node != other][:MOST_NEIGHBOURS]
        for held in combinations(near, depth):
            value = partial_correlation(correlation, one, two, held)
            if value < best:
                best, chosen = value, set(held)
            if best < least:
                return best, chosen
        if depth == 0:
            break
    return best, chosen


def partial_correlation(correlation: np.ndarray, one: int, two: int, held: tuple[int, ...]) -> float:
    """Absolute correlation of two variables with others held fixed."""
    if not held:
        return float(abs(correlation[one, two]))
    index = [one, two, *held]
    inverse = np.linalg.pinv(correlation[np.ix_(index, index)], hermitian=True)
    scale = inverse[0, 0] * inverse[1, 1]
    return float(min(abs(inverse[0, 1]) / np.sqrt(scale), 1.0)) if scale > 0 else 0.0


def orient(adjacent: np.ndarray, fixed: dict[frozenset[int], set[int]]) -> np.ndarray:
    """[C, C] whether an edge points from row to column: colliders first, then Meek's first and second rule."""
    points = adjacent.copy()
    size = len(adjacent)
    for middle in range(size):
        for one, two in combinations(np.flatnonzero(adjacent[middle]).tolist(), 2):
            if not adjacent[one, two] and middle not in fixed.get(frozenset((one, two)), {middle}):
                points[middle, one] = points[middle, two] = False
    both_gone = adjacent & ~points & ~points.T  # colliders that contradict each other say nothing
    points |= both_gone
    changed = True
    while changed:
        changed = False
        for one, two in np.argwhere(points & points.T).tolist():
            into = points[:, one] & ~points[one, :]
            away = bool((into & ~adjacent[:, two]).any())  # a -> one - two, a and two apart
            chain = bool((points[one] & ~points[:, one] & points[:, two] & ~points[two, :]).any())  # one -> b -> two
            if (away or chain) and points[one, two] and points[two, one]:
                points[two, one] = False
                changed = True
    return points
