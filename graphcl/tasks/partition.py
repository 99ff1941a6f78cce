"""The examples of an epoch dealt into batches: at random, or so that no two of one class meet."""

from __future__ import annotations

import torch
from torch import Tensor


def partition(
    ids: Tensor, batch_size: int, *, generator: torch.Generator, classes: Tensor | None = None
) -> list[Tensor]:
    """Examples in random order, cut into batches.

    Args:
        ids: [n] the examples.
        batch_size: Most examples of a batch; 0 takes all at once.
        generator: Source of the draws.
        classes: See :func:`deal_apart`; None or empty: any examples may meet.

    Returns:
        The ids of each batch.
    """
    if classes is None or not len(classes):
        order = ids[torch.randperm(len(ids), generator=generator)]
        return list(order.split(batch_size or max(len(order), 1)))
    number = -(-len(ids) // batch_size) if batch_size else 1
    return deal_apart(ids, class_of(ids, classes), number, generator=generator)


def class_of(ids: Tensor, classes: Tensor) -> Tensor:
    """The class of each example, -1 for none: of those that are beyond the table too.

    >>> class_of(torch.tensor([2, 0, 5]), torch.tensor([7, 7, -1])).tolist()
    [-1, 7, -1]
    """
    known = ids < len(classes)
    return classes[ids.clamp_max(len(classes) - 1)].long().masked_fill(~known, -1)


def deal_apart(ids: Tensor, classes: Tensor, number: int, *, generator: torch.Generator) -> list[Tensor]:
    """Batches none of which holds two examples of one class (G-SimCLR, Chakraborty et al., 2020).

    Examples are dealt like cards, class after class. Of a class with more examples than there are batches as many are
    drawn as there are batches; the others wait for another epoch. Batches differ by at most one example in size.

    Args:
        ids: [n] the examples, at least ``number`` of them.
        classes: [n] the class of each; -1 belongs to none and may meet any other.
        number: Batches.
        generator: Source of the draws.

    Returns:
        The ids of each batch, in random order.
    """
    order = torch.randperm(len(ids), generator=generator)
    ids, classes = ids[order], classes[order]
    alone = classes < 0
    classes = torch.where(alone, int(classes.max()) + 1 + torch.arange(len(ids)), classes) if len(ids) else classes
    _, code, counts = classes.unique(return_inverse=True, return_counts=True)
    turn = torch.randperm(len(counts), generator=generator)[code]  # in which a class is dealt
    order = turn.argsort(stable=True)
    sizes = torch.bincount(turn)
    place = torch.arange(len(ids)) - (sizes.cumsum(0) - sizes)[turn[order]]
    dealt = ids[order[place < number]]
    return [dealt[batch::number] for batch in range(number)]


def waiting(ids: Tensor, classes: Tensor, number: int) -> int:
    """How many examples :func:`deal_apart` leaves for another epoch."""
    found = class_of(ids, classes)
    counts = torch.bincount(found[found >= 0])
    return int((counts - number).clamp_min(0).sum())
