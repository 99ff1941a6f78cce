"""RecBole's data as ours. Its position 0 is padding, which has no place here: positions are one less."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from recbole.data.interaction import Interaction
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.data.histories import Histories, RowLayout
from graphcl.data.interactions import HeldOut, Ids, Interactions, Pairs
from graphcl.tasks.sequence_batches import SequenceBatches

#: Column that we add to a training set: which of our examples a row is, so that batches of its loader say it.
ROW = "graphcl_row"
_NONE = np.zeros(0, dtype=np.int64)


def to_interactions(dataset: Any) -> Interactions:
    """The rows of a training set as train; nothing is held out."""
    rows = dataset.inter_feat
    pairs = Pairs(_positions(rows[dataset.uid_field]), _positions(rows[dataset.iid_field]))
    return Interactions(_ids(dataset, dataset.uid_field), _ids(dataset, dataset.iid_field), pairs, _nothing())


def to_histories(dataset: Any, *, max_len: int, row_layout: RowLayout) -> tuple[Histories, Tensor]:
    """The histories that a training set's rows are prefixes of.

    Returns:
        Histories, nothing held out; and of each row the event [n] that it predicts, by its place in the histories
        laid end to end.

    Raises:
        UserError: the rows are not such prefixes.
    """
    rows = dataset.inter_feat
    users, targets = rows[dataset.uid_field], rows[dataset.iid_field]
    items, lengths = rows[getattr(dataset, f"{dataset.iid_field}_list_field")], rows[dataset.item_list_length_field]
    order = users.argsort(stable=True)
    users, targets, items, lengths = (column[order] for column in (users, targets, items, lengths))
    first = torch.ones_like(users, dtype=torch.bool)
    first[1:] = users[1:] != users[:-1]
    _refuse_others(first, targets, items, lengths, dataset.max_item_list_len)
    # Before each target goes what its row has read and no earlier row predicts: of a first row, all of it.
    begins = torch.where(first, lengths, 0)
    event = torch.arange(len(users)) + begins.cumsum(0)
    history = torch.zeros(len(users) + int(begins.sum()), dtype=torch.int64)
    read = torch.ones_like(history, dtype=torch.bool)
    history[event], read[event] = targets, False
    history[read] = items[first][torch.arange(items.shape[1]) < lengths[first][:, None]]
    pairs = Pairs(_positions(users.repeat_interleave(begins + 1)), _positions(history))
    place = torch.empty_like(event)
    place[order] = event
    ids = _ids(dataset, dataset.uid_field), _ids(dataset, dataset.iid_field)
    return Histories(*ids, pairs, _nothing(), max_len=max_len, row_layout=row_layout), place


def _refuse_others(first: Tensor, targets: Tensor, items: Tensor, lengths: Tensor, most: int) -> None:
    last = items.gather(1, lengths[:, None] - 1).squeeze(1)
    longer = (lengths[:-1] + 1).clamp(max=most)
    if not (first[1:] | ((last[1:] == targets[:-1]) & (lengths[1:] == longer))).all():
        raise UserError(
            "the training rows are not the beginnings of their users' histories, one after the other; split them with "
            "eval_args: {split: {LS: valid_and_test}, order: TO}"
        )


def take_every_prefix(batches: SequenceBatches, max_len: int) -> None:
    """Make ``whole`` rows of every prefix, with the item that it predicts, as RecBole has them."""
    prefixes = SequenceBatches(batches.runs, max_len=max_len, row_layout="prefix")
    batches.user, batches.stop, batches.target_of = prefixes.user, prefixes.stop + 1, prefixes.target_of
    batches.begin = torch.maximum(batches.runs.ptr[batches.user], batches.stop - max_len)


def mark(dataset: Any, rows: Tensor) -> None:
    """Write into a training set which of our examples each row is."""
    dataset.inter_feat.update(Interaction({ROW: rows}))


def marked(interaction: Any) -> Tensor:
    """Which of our examples a batch has.

    Raises:
        UserError: it is not from the loader of the model's own training set.
    """
    if ROW not in interaction:
        raise UserError("this batch is not from the loader of the training set that the model was made with")
    return interaction[ROW].cpu()


def runs_of(interaction: Any, items: str, lengths: str) -> tuple[Tensor, Tensor]:
    """The histories in a batch [B, L] laid end to end, without padding: items, and [B + 1] where each begins."""
    padded, counts = interaction[items].cpu(), interaction[lengths].cpu()
    history = padded[torch.arange(padded.shape[1]) < counts[:, None]] - 1
    return history, torch.cat([counts.new_zeros(1), counts.cumsum(0)])


def _positions(column: Tensor) -> np.ndarray:
    return column.numpy().astype(np.int64) - 1


def _ids(dataset: Any, field: str) -> Ids:
    return Ids.of([str(token) for token in dataset.field2id_token[field][1:]])


def _nothing() -> HeldOut:
    return HeldOut(Pairs(_NONE, _NONE), Pairs(_NONE, _NONE))
