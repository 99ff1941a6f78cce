"""Trees by the parents of their nodes, many in one tensor: depths, ancestors, and where two nodes part."""

from __future__ import annotations

import torch
from torch import Tensor


def depths(parent: Tensor) -> Tensor:
    """[N] int64 steps from each node to its root, which is its own parent; log2 of the depth in passes.

    >>> depths(torch.tensor([0, 0, 1, 1, 4])).tolist()
    [0, 1, 2, 2, 0]
    """
    jump, steps = parent, (parent != torch.arange(parent.numel(), device=parent.device)).long()
    while bool((steps.index_select(0, jump) > 0).any()):
        steps = steps + steps.index_select(0, jump)
        jump = jump.index_select(0, jump)
    return steps


def below(parent: Tensor, chosen: Tensor) -> Tensor:
    """[N] bool: the chosen nodes [N] and all that is below them.

    >>> below(torch.tensor([0, 0, 1, 1, 0]), torch.tensor([False, True, False, False, False])).tolist()
    [False, True, True, True, False]
    """
    jump = parent
    while True:
        chosen = chosen | chosen.index_select(0, jump)
        further = jump.index_select(0, jump)
        if torch.equal(further, jump):
            return chosen
        jump = further


def above(parent: Tensor, chosen: Tensor) -> Tensor:
    """[N] bool: the chosen nodes [N] and all their ancestors; a pass for each level.

    >>> above(torch.tensor([0, 0, 1, 1, 0]), torch.tensor([False, False, True, False, False])).tolist()
    [True, True, True, False, False]
    """
    found, reached = chosen.clone(), chosen.nonzero().view(-1)
    while reached.numel():
        reached = parent.index_select(0, reached).unique()
        reached = reached[~found.index_select(0, reached)]
        found[reached] = True
    return found


def subtree_sizes(parent: Tensor) -> Tensor:
    """[N] int64 nodes at and below each node; a pass for each level.

    >>> subtree_sizes(torch.tensor([0, 0, 1, 1, 0])).tolist()
    [5, 3, 1, 1, 1]
    """
    sizes, depth = torch.ones_like(parent), depths(parent)
    order = depth.argsort(descending=True, stable=True)
    counts = torch.bincount(depth).flip(0).tolist()
    for level in order.split(counts)[: len(counts) - 1]:
        sizes.index_add_(0, parent.index_select(0, level), sizes.index_select(0, level))
    return sizes


def parting(parent: Tensor, pairs: Tensor) -> Tensor:
    """The children of the lowest common ancestor that two nodes are at or below; a pass for each level.

    >>> parting(torch.tensor([0, 0, 1, 1, 0]), torch.tensor([[2, 2], [4, 3]])).tolist()
    [[1, 2], [4, 3]]

    Args:
        parent: [N].
        pairs: [2, M] different nodes of one tree, neither below the other.

    Returns:
        [2, M].
    """
    depth, ends = depths(parent), pairs.clone()
    left = torch.arange(pairs.shape[1], device=pairs.device)
    while left.numel():
        one, other = ends.index_select(1, left)
        up = parent.index_select(0, one), parent.index_select(0, other)
        left, one, other, up = _still(left, one, other, up)
        deeper = depth.index_select(0, one) - depth.index_select(0, other)
        ends[0, left] = torch.where(deeper >= 0, up[0], one)
        ends[1, left] = torch.where(deeper <= 0, up[1], other)
    return ends


def _still(
    left: Tensor, one: Tensor, other: Tensor, up: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor, tuple[Tensor, Tensor]]:
    """Those that have not met: their parents differ."""
    apart = up[0] != up[1]
    return left[apart], one[apart], other[apart], (up[0][apart], up[1][apart])
