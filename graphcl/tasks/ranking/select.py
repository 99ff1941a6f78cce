"""The k best columns of each row of a score block, exactly, without sorting the row."""

from __future__ import annotations

import torch
from torch import Tensor

from graphcl.core.errors import NonFiniteError
from graphcl.tasks.ranking.ties import rank_keys, tie_keys

#: Columns per group: one pass takes the maxima of the groups, and only the best groups are looked into.
GROUP = 32


def select_top(scores: Tensor, k: int, *, users: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """The ``k`` largest scores of each row and their columns, best first; ties by :mod:`.ties`.

    Args:
        scores: [b, I] float32; -inf marks what must not be chosen.
        k: At least 1; rows hold min(k, I) entries.
        users: [b] positions of the users, for the order of ties.
        seed: Of the order of ties.

    Returns:
        values [b, min(k, I)], -inf where a row has fewer candidates; columns, -1 there.

    Raises:
        NonFiniteError: a score is NaN or +inf.
    """
    k = min(k, scores.shape[1])
    # One more than asked: if it equals the last one taken, the choice between them is a tie.
    values, items = _largest(scores, min(k + 1, scores.shape[1]))
    if not bool((values[:, 0] < torch.inf).all()):
        raise NonFiniteError("scores to rank are NaN or infinite; the embeddings or the scorer are not finite")
    if values.shape[1] > k:
        last = values[:, k - 1]
        tied = ((last == values[:, k]) & (last > -torch.inf)).nonzero().squeeze(1)
        values, items = values[:, :k].contiguous(), items[:, :k].contiguous()
        # Key matrices are int64: a part of the rows at a time keeps them below the size of the block.
        for rows in tied.split(max(1, scores.shape[0] // 8)) if tied.numel() else ():
            items[rows] = _fill_ties(scores[rows], values[rows], items[rows], users[rows], seed)
    order = rank_keys(values, users, items, seed).argsort(dim=1, descending=True)
    values, items = values.gather(1, order), items.gather(1, order)
    return values, items.masked_fill_(values == -torch.inf, -1)


def _largest(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """``torch.topk`` of wide rows by way of the maxima of groups of columns.

    Each of the k largest values lies in one of the k groups with the largest maxima, or equals the k-th
    value: the values are exact, and which of several equal columns is taken is left to the caller.
    """
    groups = scores.shape[1] // GROUP
    if groups < 4 * k:
        return torch.topk(scores, k, dim=1)
    # Group g holds columns g, g + groups, g + 2 * groups, ...: the maximum runs along memory.
    grouped = scores[:, : groups * GROUP].unflatten(1, (GROUP, groups))
    best = torch.topk(grouped.amax(1), k, dim=1, sorted=False).indices
    members = best.unsqueeze(1) + torch.arange(0, groups * GROUP, groups, device=scores.device).view(1, -1, 1)
    rest = torch.arange(groups * GROUP, scores.shape[1], device=scores.device)
    columns = torch.cat([members.flatten(1), rest.expand(scores.shape[0], -1)], dim=1)
    values, positions = torch.topk(scores.gather(1, columns), k, dim=1)
    return values, columns.gather(1, positions)


def _fill_ties(scores: Tensor, values: Tensor, items: Tensor, users: Tensor, seed: int) -> Tensor:
    """Columns of the top k where several columns share the k-th value: the larger tie keys win."""
    last = values[:, -1:]
    rows, columns = (scores == last).nonzero(as_tuple=True)
    # The tied columns of each row side by side, filled up with -1: usually a few of them.
    counts = torch.bincount(rows, minlength=scores.shape[0])
    place = torch.arange(rows.numel(), device=rows.device) - (counts.cumsum(0) - counts)[rows]
    tied = torch.full((scores.shape[0], max(int(counts.max()), values.shape[1])), -1, device=rows.device)
    tied[rows, place] = columns
    keys = tie_keys(users, tied, seed).masked_fill_(tied < 0, -1)
    tied = tied.gather(1, torch.topk(keys, values.shape[1], dim=1).indices)
    # ``items`` begins with the columns above the k-th value; the tied ones follow from there.
    above = (values > last).sum(1, keepdim=True)
    follow = torch.arange(values.shape[1], device=rows.device) - above
    return torch.where(follow < 0, items, tied.gather(1, follow.clamp(min=0)))
