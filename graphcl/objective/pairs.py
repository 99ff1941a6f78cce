"""Which row of one side is the partner of a row of the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.graph.places import match_places
from graphcl.objective.base import Rows, same_storage

Pairing = Literal["position", "id"]
Matching = Literal["position", "id", "place"]


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


def check_widths(x: Rows, y: Rows) -> None:
    """Refuse two sides of different widths.

    Raises:
        UserError: they are not as wide as each other.
    """
    wide, other = x.base.shape[-1], y.base.shape[-1]
    if wide != other:
        raise UserError(f"one side is {wide} wide and the other {other}; give the heads and towers they come from "
                        "one width ('dim')")


def pair_rows(x: Rows, y: Rows, how: Matching) -> tuple[Tensor, Tensor, Tensor | None]:
    """The rows of both sides that have a partner, in the order of ``x``.

    Args:
        x: [B, d].
        y: [C, d].
        how: ``position``: row i with row i; ``id``: rows of the same id, those without one left out; ``place``: a patch
            of an image with the patch of the other view that shows its centre, those that nobody shows left out.

    Returns:
        [B', d] of x, [B', d] of y, and the ids of x [B'] or None.

    Raises:
        UserError: the sides differ in width, in length where position pairs, or have no places where these do.
    """
    (first, second), ids = align([x, y], how)
    return first, second, ids


def align(sides: Sequence[Rows], how: Matching) -> tuple[list[Tensor], Tensor | None]:
    """The rows that have a partner on every side, in the order of the first.

    Args:
        sides: Two or more, [B, d] each (of lengths of their own where ids pair).
        how: As in :func:`pair_rows`.

    Returns:
        [B', d] of each side, and the ids of the first [B'] or None.

    Raises:
        UserError: the sides differ in width, or in length where position pairs.
    """
    first, *others = sides
    for other in others:
        check_widths(first, other)
    if how == "position":
        for other in others:
            if len(other) != len(first):
                raise UserError(f"{len(first)} rows of x and {len(other)} of y; pair them by id, or give as many")
        return [side.values for side in sides], first.ids
    match = rows_at_places if how == "place" else match_rows
    partners = torch.stack([match(first, other) for other in others])
    kept = (partners >= 0).all(0).nonzero().squeeze(1)
    ids = None if first.ids is None else first.ids.index_select(0, kept)
    found = [other.values.index_select(0, at[kept]) for other, at in zip(others, partners, strict=True)]
    return [first.values.index_select(0, kept), *found], ids


def rows_at_places(x: Rows, y: Rows) -> Tensor:
    """For each row of ``x`` the row of ``y`` of the same image at the same place; -1 where there is none.

    Raises:
        UserError: rows that are no patches of images.
    """
    if x.place is None or y.place is None or x.place.dim() != 2 or x.place.shape[1] != 4:
        raise UserError("pair: place matches patches of images: give one address of nodes on each side, of views of "
                        "images that are graphs of patches (data.kind: images)")  # fmt: skip
    one = torch.zeros(1, dtype=torch.int64, device=x.place.device)
    of_x, of_y = (one.expand(len(rows)) if rows.member is None else rows.member for rows in (x, y))
    return match_places(x.place, of_x, y.place, of_y)


def same_rows(x: Rows, y: Rows, *, own: bool = False) -> Tensor | None:
    """Which rows of ``y`` are the same as a row of ``x``.

    Args:
        x: [B, d].
        y: [C, d].
        own: Whether each of ``x`` is compared with ``C / B`` rows of its own, after each other, instead of all.

    Returns:
        [B, C] or [B, C / B] bool; None where they are not rows of one table.
    """
    if x.index is None or y.index is None or not same_storage(x.base, y.base):
        return None
    other = y.index.view(len(x), len(y) // max(len(x), 1)) if own else y.index
    return x.index.unsqueeze(1) == other


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
