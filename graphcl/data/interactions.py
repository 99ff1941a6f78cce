"""Interactions in memory: who did what with which item, split so that training cannot see what is held out.

Ids are the user's own strings; positions in :class:`Ids` are private integers. Whatever trains (graphs,
augmenters, samplers, baselines, popularity) takes :class:`Pairs`, so it can only be given ``train``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import scipy.sparse as sp

from graphcl.data.report import DataReport


@dataclass(frozen=True, eq=False)
class Ids:
    """The ids of one type, by position.

    Attributes:
        values: [n] array of ``str`` objects, all different.
    """

    values: np.ndarray

    @classmethod
    def of(cls, ids: Sequence[str]) -> Ids:
        """Ids from any sequence of strings."""
        values = np.empty(len(ids), dtype=object)
        values[:] = list(ids)
        return cls(values)

    def __len__(self) -> int:
        return len(self.values)

    def index_of(self, ids: Sequence[str]) -> np.ndarray:
        """Position of each id, int64 [len(ids)]; -1 where it is unknown."""
        wanted = np.empty(len(ids), dtype=object)
        wanted[:] = [str(i) for i in ids]
        return self._index.get_indexer(pd.Index(wanted, dtype=object)).astype(np.int64)

    @cached_property
    def _index(self) -> pd.Index:
        return pd.Index(self.values, dtype=object)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Rows of (user, item), as positions in :class:`Ids`.

    Attributes:
        users: int64 [n].
        items: int64 [n].
        weight: float32 [n], or None when every row counts one.
        time: int64 or float64 [n], or None. Dates are seconds since 1970 (UTC).
        rating: float32 [n], or None where nothing is made of ratings.
    """

    users: np.ndarray
    items: np.ndarray
    weight: np.ndarray | None = None
    time: np.ndarray | None = None
    rating: np.ndarray | None = None

    def __post_init__(self) -> None:
        for name in ("items", "weight", "time", "rating"):
            column = getattr(self, name)
            if column is not None and len(column) != len(self.users):
                raise ValueError(f"pairs: {len(self.users)} users but {len(column)} values of {name!r}")

    def __len__(self) -> int:
        return len(self.users)

    def take(self, rows: np.ndarray) -> Pairs:
        """The pairs at these positions, or where this mask is true."""
        return Pairs(*(None if column is None else column[rows] for column in self._columns()))  # type: ignore[arg-type]

    def join(self, other: Pairs) -> Pairs:
        """These pairs, then the others. A column that only one side has is dropped."""
        both = zip(self._columns(), other._columns(), strict=True)
        return Pairs(*(None if a is None or b is None else np.concatenate([a, b]) for a, b in both))  # type: ignore[arg-type]

    def csr(self, num_users: int, num_items: int) -> sp.csr_matrix:
        """Users x items, float32: the weight of each pair, or 1; repeated pairs add up."""
        values = np.ones(len(self), dtype=np.float32) if self.weight is None else self.weight
        shape = (num_users, num_items)
        return sp.csr_matrix((values, (self.users, self.items)), shape=shape, dtype=np.float32)

    def _columns(self) -> tuple[np.ndarray | None, ...]:
        return self.users, self.items, self.weight, self.time, self.rating


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What only evaluation may read: no pair of ``valid`` is in train, no pair of ``test`` in either."""

    valid: Pairs
    test: Pairs


@dataclass(frozen=True, eq=False)
class Interactions:
    """A log, filtered and split.

    Attributes:
        users: Every user of the three parts.
        items: Every item of the three parts.
        train: The only part that training may see.
        held_out: Validation and test pairs, each pair once.
        item_names: [len(items)] array of ``str`` ("" where an item has no name), or None without an item file.
        report: What was read, dropped and decided.
    """

    users: Ids
    items: Ids
    train: Pairs
    held_out: HeldOut
    item_names: np.ndarray | None = None
    report: DataReport = field(default_factory=DataReport)

    @cached_property
    def cold_users(self) -> np.ndarray:
        """bool [len(users)]: no row in train. They stay in the denominator of recall."""
        return np.bincount(self.train.users, minlength=len(self.users)) == 0

    @cached_property
    def cold_items(self) -> np.ndarray:
        """bool [len(items)]: no row in train, so that no model of ids can rank them by what it learned."""
        return np.bincount(self.train.items, minlength=len(self.items)) == 0

    @property
    def wants_refit(self) -> bool:
        """``split.valid: refit`` was asked for: after choosing, train once more on :meth:`refit`."""
        return self.report.split.get("valid") == "refit"

    def refit(self) -> Interactions:
        """The same log with the validation pairs given to train, and no validation left."""
        valid = self.held_out.valid
        nothing = valid.take(np.zeros(0, dtype=np.int64))
        return replace(self, train=self.train.join(valid), held_out=replace(self.held_out, valid=nothing))

    def align(self, users: Ids, items: Ids) -> Interactions:
        """The same log in an id space that begins with ``users`` and ``items`` (of an earlier run).

        Earlier ids keep their positions, so that earlier embedding rows stay valid; new ids follow in the
        order in which they have here. Earlier ids without a row now stay, and count as cold.
        """
        new_users, user_map = _extend(users, self.users)
        new_items, item_map = _extend(items, self.items)

        def move(pairs: Pairs) -> Pairs:
            return replace(pairs, users=user_map[pairs.users], items=item_map[pairs.items])

        names = None
        if self.item_names is not None:
            names = np.full(len(new_items), "", dtype=object)
            names[item_map] = self.item_names
        held_out = HeldOut(move(self.held_out.valid), move(self.held_out.test))
        return replace(
            self, users=new_users, items=new_items, train=move(self.train), held_out=held_out, item_names=names
        )

    def settings(self) -> dict[str, Any]:
        """What is kept beside the log: fields that a subclass adds, as plain values."""
        return {}

    def save(self, folder: str | Path) -> None:
        """Write to a new folder (safetensors, Parquet, JSON), whole or not at all.

        Raises:
            UserError: the folder exists, or cannot be written.
        """
        from graphcl.data.storage import save_interactions

        save_interactions(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            UserError: not such a folder, damaged, or of another format version.
        """
        from graphcl.data.storage import load_interactions

        return load_interactions(Path(folder), cls)


def _extend(old: Ids, new: Ids) -> tuple[Ids, np.ndarray]:
    """``old`` followed by the ids that only ``new`` has, and the position there of every id of ``new``."""
    position = old.index_of(new.values)  # type: ignore[arg-type]
    unknown = position < 0
    position[unknown] = len(old) + np.arange(int(unknown.sum()))
    return Ids(np.concatenate([old.values, new.values[unknown]])), position
