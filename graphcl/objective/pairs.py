"""Which row of one side is the partner of a row of the other."""

from __future__ import annotations

import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.objective.base import Rows


def match_rows(anchors: Rows, candidates: Rows) -> Tensor:
    """For each anchor the position among ``candidates`` of the row with the same id; -1 where there is none.

    Candidates without index and ids are a whole table: their positions are the ids. Anchors without ids
    are paired by position. Equal ids on both sides are paired by position, else an id that occurs more than
    once among the candidates means its first row.

    Returns:
        [B] int64.

    Raises:
        UserError: one side has no ids and the sides differ in length.
    """
    if anchors.ids is None or (candidates.ids is None and candidates.index is not None):
        if len(anchors) != len(candidates):
            raise UserError(
                f"cannot pair {len(anchors)} anchors with {len(candidates)} candidates: rows without ids are paired"
                " by position; name the positives by an address of their own"
            )
        return torch.arange(len(anchors), device=anchors.base.device)
    if is_table(candidates):
        known = (anchors.ids >= 0) & (anchors.ids < len(candidates))
        return anchors.ids.masked_fill(~known, -1)
    assert candidates.ids is not None
    return positions_of(anchors.ids, candidates.ids)


def positions_of(wanted: Tensor, ids: Tensor) -> Tensor:
    """Position in ``ids`` of the first entry equal to each of ``wanted``; -1 where there is none.

    >>> positions_of(torch.tensor([7, 5, 1]), torch.tensor([5, 7, 7])).tolist()
    [1, 0, -1]
    """
    if torch.equal(wanted, ids):  # repeated ids too: the two sides are drawn for the same rows in the same order
        return torch.arange(wanted.numel(), device=wanted.device)
    if ids.numel() == 0:
        return torch.full_like(wanted, -1)
    ordered, order = ids.sort(stable=True)
    place = torch.searchsorted(ordered, wanted).clamp_max(ids.numel() - 1)
    return order[place].masked_fill(ordered[place] != wanted, -1)


def is_table(rows: Rows) -> bool:
    """Whether position and id are the same thing for these rows."""
    if rows.index is not None:
        return False
    return rows.ids is None or torch.equal(rows.ids, torch.arange(len(rows), device=rows.ids.device))
