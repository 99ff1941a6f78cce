"""Recommendations from a finished run, in the user's own ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import normalize

from graphcl.core.errors import UserError
from graphcl.data.interactions import Ids, Interactions
from graphcl.serve.answers import By, Kind, Neighbours, Recommended, Seen, listed, unknown_users
from graphcl.serve.fold_in import fold_in, unique_in_order
from graphcl.serve.opened import OpenedRun, open_run
from graphcl.tasks.ranking import InnerProduct, ItemLists, TopK, iter_top_k, top_k
from graphcl.tasks.recommend import Recommend


class Recommender:
    """Answers from the embeddings of a run.

    Lists come from the function that the run's evaluation ranks with, so that with the defaults they are the lists
    that its metrics were computed on.

    >>> recommender = Recommender.open("runs/lightgcl-ml-100k")  # doctest: +SKIP
    >>> recommender.recommend(["196"], k=3)[0].items  # doctest: +SKIP
    ['286', '258', '300']
    """

    def __init__(self, run: OpenedRun) -> None:
        """Prefer :meth:`open`.

        Raises:
            UserError: the run is of another task than recommend.
        """
        if not isinstance(run.task, Recommend):
            raise UserError(f"{run.folder.path} is a run of task {run.recipe['task']}; this needs task recommend")
        self._task, self.seed = run.task, run.seed
        self.embeddings = run.embeddings
        self._scorer = InnerProduct(run.embeddings["user"], run.embeddings["item"])
        self._data: Interactions = run.data

    @classmethod
    def open(cls, path: str | Path, *, allow_plugins: bool = False) -> Recommender:
        """The recommender of a finished run.

        Raises:
            UserError: see :func:`~graphcl.serve.opened.open_run`.
        """
        return cls(open_run(path, allow_plugins=allow_plugins))

    @property
    def users(self) -> Ids:
        """All users of the run."""
        return self._data.users

    @property
    def items(self) -> Ids:
        """The catalogue."""
        return self._data.items

    @property
    def columns(self) -> Mapping[str, str]:
        """Role (``user``, ``item``) -> column of the log that was trained on."""
        return self._data.report.columns

    @cached_property
    def popularity(self) -> Tensor:
        """[I] training users of each item."""
        return torch.bincount(self._task.train.items, minlength=len(self.items))

    def item_names(self, items: Sequence[str]) -> list[str] | None:
        """The name of each item ("" where it has none), or None where the data came without names.

        Raises:
            UserError: an unknown item.
        """
        names = self._data.item_names
        return None if names is None else [str(name) for name in names[self.positions("item", items).numpy()]]

    def untrained(self, users: Sequence[str]) -> list[str]:
        """The users among these with nothing in train (or unknown), whose embedding has learned nothing."""
        none = self._untrained(torch.from_numpy(self.users.index_of(users))).tolist()
        return [user for user, nothing in zip(users, none, strict=True) if nothing]

    # --- lists ----------------------------------------------------------------------------------

    def recommend(
        self,
        users: Sequence[str],
        k: int = 20,
        *,
        seen: Seen = "evaluation",
        allow: Sequence[str] | None = None,
        deny: Sequence[str] | None = None,
        fallback: Literal["popularity"] | None = None,
    ) -> list[Recommended]:
        """The ``k`` best items of each user.

        Args:
            users: Ids.
            k: Items per user; at most the catalogue.
            seen: What is left out: ``evaluation`` (each user's items of train and validation, as when the run was
                judged on test), ``all`` (the held-out test items too), or ``none``.
            allow: The only items that may be given.
            deny: Items that are never given.
            fallback: What unknown users get, and users with nothing in train; None refuses unknown users.

        Raises:
            UserError: an unknown user without a fallback, an unknown item, or k below 1.
        """
        users = [users] if isinstance(users, str) else users
        positions = torch.from_numpy(self.users.index_of(users))
        unknown = [user for user, position in zip(users, positions.tolist(), strict=True) if position < 0]
        if unknown and fallback is None:
            raise UserError(unknown_users(unknown, len(users)))
        options = self._options(self._seen(seen), allow, deny)
        falls_back = self._untrained(positions) if fallback else torch.zeros(len(users), dtype=torch.bool)
        found: dict[int, Recommended] = {}
        for by, rows in (("model", ~falls_back), ("popularity", falls_back)):
            chosen = rows.nonzero().squeeze(1)
            rank = self._ranked if by == "model" else self._popular
            lists = rank(positions[chosen], self._clipped(k), options)
            names = [users[row] for row in chosen.tolist()]
            found |= dict(zip(chosen.tolist(), self._named(names, lists, by), strict=True))  # type: ignore[arg-type]
        return [found[row] for row in range(len(users))]

    def recommend_all(
        self,
        k: int = 20,
        *,
        seen: Seen = "evaluation",
        allow: Sequence[str] | None = None,
        deny: Sequence[str] | None = None,
    ) -> Iterator[TopK]:
        """The lists of all users in blocks, as positions in :attr:`users` and :attr:`items`; see :meth:`recommend`."""
        options = self._options(self._seen(seen), allow, deny)
        return self._ranked(torch.arange(len(self.users)), self._clipped(k), options)

    def recommend_history(
        self,
        history: Sequence[str],
        k: int = 20,
        *,
        user: str = "",
        with_seen: bool = False,
        allow: Sequence[str] | None = None,
        deny: Sequence[str] | None = None,
    ) -> Recommended:
        """A list for someone whom training has not seen, by :func:`~graphcl.serve.fold_in.fold_in`.

        Args:
            history: The items they had; repeats count once.
            k: Items; at most the catalogue.
            user: What the result calls them.
            with_seen: Whether items of the history may be given.
            allow: The only items that may be given.
            deny: Items that are never given.

        Raises:
            UserError: no history, an unknown item, or k below 1.
        """
        had = unique_in_order(self.positions("item", history))
        if not had.numel():
            raise UserError("the history is empty: at least one item of the run is needed")
        scorer = InnerProduct(self.fold_in(history).unsqueeze(0), self.embeddings["item"])
        seen = None if with_seen else ItemLists.from_pairs(torch.zeros_like(had), had, 1, len(self.items))
        lists = top_k(scorer, torch.zeros(1, dtype=torch.int64), self._clipped(k), **self._options(seen, allow, deny))
        return next(iter(self._named([user], [lists], "history")))

    def fold_in(self, history: Sequence[str]) -> Tensor:
        """[d] embedding of a user with this history.

        Raises:
            UserError: an unknown item.
        """
        had = unique_in_order(self.positions("item", history))
        return fold_in(self.embeddings["item"].float(), had, self.popularity)

    def similar(self, kind: Kind, id: str, k: int = 20) -> Neighbours:
        """The ``k`` items (or users) whose embeddings have the largest cosine with that of one of them.

        Raises:
            UserError: an unknown id, or k below 1.
        """
        rows = normalize(self.embeddings[kind].float(), dim=1)
        own = self.positions(kind, [id])
        itself = ItemLists.from_pairs(torch.zeros_like(own), own, 1, len(rows))
        first = torch.zeros(1, dtype=torch.int64)
        scorer = InnerProduct(rows.index_select(0, own), rows)
        found = top_k(scorer, first, min(_positive(k), len(rows)), num_items=len(rows), seen=itself, seed=self.seed)
        ids = (self.users if kind == "user" else self.items).values
        near = found.items[0][found.items[0] >= 0]
        return Neighbours(kind, id, [str(ids[i]) for i in near.tolist()], found.scores[0][: len(near)].tolist())

    def score(self, users: Sequence[str], items: Sequence[str]) -> Tensor:
        """[n] score of each (user, item) pair: the inner product that ranks.

        Raises:
            UserError: an unknown user or item.
        """
        return self.score_positions(self.positions("user", users), self.positions("item", items))

    def score_positions(self, users: Tensor, items: Tensor) -> Tensor:
        """:meth:`score` by positions."""
        scores = torch.empty(users.numel())
        for start in range(0, users.numel(), 1 << 16):  # rows are gathered: a million pairs need not fit twice
            stop = start + (1 << 16)
            left = self._scorer.users.index_select(0, users[start:stop])
            scores[start:stop] = (left * self._scorer.items.index_select(0, items[start:stop])).sum(1)
        return scores

    def positions(self, kind: Kind, ids: Sequence[str]) -> Tensor:
        """[n] positions of ids.

        Raises:
            UserError: unknown ids: how many, and the first of them.
        """
        found = (self.users if kind == "user" else self.items).index_of(ids)
        unknown = [id for id, position in zip(ids, found.tolist(), strict=True) if position < 0]
        if unknown:
            raise UserError(f"{listed(unknown, len(ids), kind)} unknown to this run")
        return torch.from_numpy(found)

    # --- underneath -----------------------------------------------------------------------------

    def _untrained(self, positions: Tensor) -> Tensor:
        """Which users are unknown, or had nothing in train to learn their embedding from."""
        counts = torch.cat([self._task.train.counts, torch.zeros(1, dtype=torch.int64)])
        return counts[positions] == 0  # -1 is the extra last place

    def _ranked(self, users: Tensor, k: int, options: Mapping[str, Any]) -> Iterator[TopK]:
        return iter_top_k(self._scorer, users, k, block_bytes=self._task.block_bytes, **options)

    def _popular(self, users: Tensor, k: int, options: Mapping[str, Any]) -> Iterator[TopK]:
        """Lists by popularity; -1 is a user that the run does not know."""

        def scores(block: Tensor) -> Tensor:
            return self.popularity.float().repeat(block.numel(), 1)

        seen = options["seen"]
        if seen is not None:  # one more user, who has nothing, in the place of the unknown ones
            seen = ItemLists(torch.cat([seen.starts, seen.starts[-1:]]), seen.items, seen.num_items)
        users = users.where(users >= 0, len(self.users))
        return iter_top_k(scores, users, k, block_bytes=self._task.block_bytes, **{**options, "seen": seen})

    def _seen(self, seen: Seen) -> ItemLists | None:
        if seen == "none":
            return None
        known = self._task.seen("test")
        if seen == "evaluation":
            return known
        every = self._task.train.union(self._task.positives("valid")).union(self._task.positives("test"))
        return every if known is None else every.union(known)

    def _options(
        self, seen: ItemLists | None, allow: Sequence[str] | None, deny: Sequence[str] | None
    ) -> dict[str, Any]:
        return {
            "num_items": len(self.items),
            "seen": seen,
            "allow": None if allow is None else self.positions("item", allow),
            "deny": None if deny is None else self.positions("item", deny),
            "seed": self.seed,
        }

    def _clipped(self, k: int) -> int:
        return min(_positive(k), len(self.items))

    def _named(self, users: Sequence[str], lists: Iterable[TopK], by: By) -> Iterator[Recommended]:
        names, row = self.items.values, 0
        for block in lists:
            for items, scores in zip(block.items.tolist(), block.scores.tolist(), strict=True):
                given = sum(item >= 0 for item in items)  # -1 fills up a row that has fewer candidates
                yield Recommended(users[row], [str(names[item]) for item in items[:given]], scores[:given], by)
                row += 1


def _positive(k: int) -> int:
    if k < 1:
        raise UserError(f"k must be at least 1, got {k}")
    return k
