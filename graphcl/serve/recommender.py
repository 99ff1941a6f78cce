"""Recommendations from a finished run, in the user's own ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import normalize

from graphcl.core.errors import UserError
from graphcl.data.interactions import Ids, Interactions
from graphcl.serve.answers import By, Kind, Neighbours, Recommended, Seen, listed, unknown_users
from graphcl.serve.opened import OpenedRun, open_run
from graphcl.serve.queries import queries
from graphcl.tasks.ranking import InnerProduct, ItemLists, ScoreBlock, TopK, iter_top_k, top_k


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
            UserError: the run is of a task that ranks no items for users.
        """
        self._queries = queries(run)
        self._task: Any = run.task
        self.seed, self.embeddings = run.seed, run.embeddings
        self._data: Interactions = run.data

    @classmethod
    def open(cls, path: str | Path, *, view: Sequence[str] = (), allow_plugins: bool = False) -> Recommender:
        """The recommender of a finished run.

        Args:
            path: Its folder.
            view: ``augmenter.option=value`` settings of the view that is embedded, where they differ: the return
                that is asked for, say.
            allow_plugins: Whether modules that its recipe names may be imported.

        Raises:
            UserError: see :func:`~graphcl.serve.opened.open_run`.
        """
        return cls(open_run(path, view=view, allow_plugins=allow_plugins))

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

    @property
    def popularity(self) -> Tensor:
        """[I] how often each item is in train: users, or events of histories."""
        return self._queries.popularity

    @property
    def longest_history(self) -> int | None:
        """Most items of a history that are read, the last ones; None for all."""
        return self._queries.longest

    def item_names(self, items: Sequence[str]) -> list[str] | None:
        """The name of each item ("" where it has none), or None where the data came without names.

        Raises:
            UserError: an unknown item.
        """
        names = self._data.item_names
        return None if names is None else [str(name) for name in names[self.positions("item", items).numpy()]]

    def untrained(self, users: Sequence[str]) -> list[str]:
        """The users among these of whom an embedding says nothing: nothing in train, or unknown."""
        none = self._nothing(torch.from_numpy(self.users.index_of(users)), "evaluation").tolist()
        return [user for user, nothing in zip(users, none, strict=True) if nothing]

    def answerable(self, seen: Seen = "evaluation") -> Tensor:
        """[n] positions of the users who have an embedding: all, or those with a history to read."""
        return self._queries.users(seen)

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
                judged on test), ``all`` (the held-out test items too), or ``none``. Of a history, ``all`` also reads
                the test items, to say what comes after them.
            allow: The only items that may be given.
            deny: Items that are never given.
            fallback: What unknown users get, and users with nothing in train; None refuses unknown users.

        Raises:
            UserError: an unknown user, or one without a history to read, without a fallback, an unknown item, or k
                below 1.
        """
        users = [users] if isinstance(users, str) else users
        positions = torch.from_numpy(self.users.index_of(users))
        unknown = [user for user, position in zip(users, positions.tolist(), strict=True) if position < 0]
        if unknown and fallback is None:
            raise UserError(unknown_users(unknown, len(users)))
        options = self._options(self._queries.left_out(seen), allow, deny)
        falls_back = self._nothing(positions, seen) if fallback else torch.zeros(len(users), dtype=torch.bool)
        found: dict[int, Recommended] = {}
        for by, rows in (("model", ~falls_back), ("popularity", falls_back)):
            chosen = rows.nonzero().squeeze(1)
            scores = self._scorer(positions[chosen], seen) if by == "model" else self._by_popularity
            lists = self._ranked(scores, positions[chosen], self._clipped(k), options)
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
        """The lists of all :meth:`answerable` users in blocks, as positions in :attr:`users` and :attr:`items`.

        See :meth:`recommend`.
        """
        users, options = self.answerable(seen), self._options(self._queries.left_out(seen), allow, deny)
        return self._ranked(self._scorer(users, seen), users, self._clipped(k), options)

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
        """A list for someone whom training has not seen.

        Args:
            history: The items they had, in order.
            k: Items; at most the catalogue.
            user: What the result calls them.
            with_seen: Whether items of the history may be given; they may, too, where the evaluation does not mask.
            allow: The only items that may be given.
            deny: Items that are never given.

        Raises:
            UserError: no history, an unknown item, or k below 1.
        """
        had = self.positions("item", history)
        scorer = InnerProduct(self.embed_history(history).unsqueeze(0), self._queries.items)
        seen = ItemLists.from_pairs(torch.zeros_like(had), had, 1, len(self.items))
        left_out = seen if self._queries.masked and not with_seen else None
        lists = top_k(
            scorer, torch.zeros(1, dtype=torch.int64), self._clipped(k), **self._options(left_out, allow, deny)
        )
        return next(iter(self._named([user], [lists], "history")))

    def embed_history(self, history: Sequence[str]) -> Tensor:
        """[d] embedding of a user with this history.

        By :func:`~graphcl.serve.fold_in.fold_in` where users are trained; where histories are read, by the tower.

        Raises:
            UserError: no history, or an unknown item.
        """
        had = self.positions("item", history)
        if not had.numel():
            raise UserError("the history is empty: at least one item of the run is needed")
        return self._queries.embed_history(had)

    def similar(self, kind: Kind, id: str, k: int = 20) -> Neighbours:
        """The ``k`` items (or users) whose embeddings have the largest cosine with that of one of them.

        Raises:
            UserError: an unknown id, or k below 1.
        """
        own = self.positions(kind, [id])
        others = torch.arange(len(self.items)) if kind == "item" else self.answerable()
        rows = self._queries.items if kind == "item" else self._queries.embed(others, "evaluation")
        rows = normalize(rows.float(), dim=1)
        one = self._queries.items[own] if kind == "item" else self._queries.embed(own, "evaluation")
        itself = ItemLists.from_pairs(torch.zeros_like(own), torch.searchsorted(others, own), 1, len(rows))
        first = torch.zeros(1, dtype=torch.int64)
        scorer = InnerProduct(normalize(one.float(), dim=1), rows)
        found = top_k(scorer, first, min(_positive(k), len(rows)), num_items=len(rows), seen=itself, seed=self.seed)
        ids = (self.users if kind == "user" else self.items).values
        near = found.items[0][found.items[0] >= 0]
        names = [str(ids[i]) for i in others[near].tolist()]
        return Neighbours(kind, id, names, found.scores[0][: len(near)].tolist())

    def score(self, users: Sequence[str], items: Sequence[str]) -> Tensor:
        """[n] score of each (user, item) pair: the inner product that ranks.

        Raises:
            UserError: an unknown user or item.
        """
        return self.score_positions(self.positions("user", users), self.positions("item", items))

    def score_positions(self, users: Tensor, items: Tensor) -> Tensor:
        """:meth:`score` by positions."""
        scores = torch.empty(users.numel())
        different, users = users.unique(return_inverse=True)
        scorer = InnerProduct(self._queries.embed(different, "evaluation"), self._queries.items)
        for start in range(0, users.numel(), 1 << 16):  # rows are gathered: a million pairs need not fit twice
            stop = start + (1 << 16)
            left = scorer.users.index_select(0, users[start:stop])
            scores[start:stop] = (left * scorer.items.index_select(0, items[start:stop])).sum(1)
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

    def _nothing(self, positions: Tensor, seen: Seen) -> Tensor:
        """Which users are unknown, or have nothing that their embedding could say something by."""
        return torch.cat([self._queries.nothing(seen), torch.ones(1, dtype=torch.bool)])[positions]  # -1 is the last

    def _scorer(self, users: Tensor, seen: Seen) -> ScoreBlock:
        """Scores of blocks of ``users``."""
        scorer = InnerProduct(self._queries.embed(users, seen), self._queries.items)
        place = torch.zeros(len(self.users), dtype=torch.int64).index_copy_(0, users, torch.arange(users.numel()))
        return lambda block: scorer(place[block])

    def _by_popularity(self, block: Tensor) -> Tensor:
        return self.popularity.float().repeat(block.numel(), 1)

    def _ranked(self, scores: ScoreBlock, users: Tensor, k: int, options: Mapping[str, Any]) -> Iterator[TopK]:
        """Lists in blocks; -1 is a user that the run does not know."""
        seen = options["seen"]
        if seen is not None:  # one more user, who has nothing, in the place of the unknown ones
            seen = ItemLists(torch.cat([seen.starts, seen.starts[-1:]]), seen.items, seen.num_items)
        users = users.where(users >= 0, len(self.users))
        return iter_top_k(scores, users, k, block_bytes=self._task.block_bytes, **{**options, "seen": seen})

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
