"""What items are compared with: the embedding of a user, from a trained table or read from a history."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.data.interactions import Ids, Interactions
from graphcl.engine.embed import embed_records
from graphcl.engine.unseen import load_model
from graphcl.engine.views import Views
from graphcl.serve.answers import Seen, listed
from graphcl.serve.fold_in import fold_in, unique_in_order
from graphcl.serve.opened import OpenedRun
from graphcl.tasks.ranked import RankedTask
from graphcl.tasks.ranking import ItemLists
from graphcl.tasks.recommend import Recommend
from graphcl.tasks.runs import ItemRuns
from graphcl.tasks.sequence import Sequence


class Queries(ABC):
    """Embeddings that rank the catalogue by their inner product with the items'.

    Attributes:
        items: [I, d] embeddings of the catalogue.
        masked: Whether what somebody had is left out of his list.
        longest: Most items of a history that are read, the last ones; None for all.
    """

    masked: bool
    longest: int | None = None

    def __init__(self, run: OpenedRun, task: RankedTask) -> None:
        self.items = run.embeddings["item"]
        self._data: Interactions = run.data
        self._ranked = task

    @cached_property
    def popularity(self) -> Tensor:
        """[I] users of each item in train, or its events in histories."""
        return self._ranked.train_counts()[1]

    @abstractmethod
    def nothing(self, seen: Seen) -> Tensor:
        """[U] users of whom there is nothing that an embedding could say something by."""

    @abstractmethod
    def users(self, seen: Seen) -> Tensor:
        """[n] positions of the users who have an embedding."""

    @abstractmethod
    def embed(self, users: Tensor, seen: Seen) -> Tensor:
        """[n, d] embeddings of users by position.

        Raises:
            UserError: one of them has none.
        """

    @abstractmethod
    def embed_history(self, history: Tensor) -> Tensor:
        """[d] embedding of somebody new who had these items, in this order; at least one."""

    @abstractmethod
    def left_out(self, seen: Seen) -> ItemLists | None:
        """What is left out of each user's list: nothing, what the evaluation leaves out, or all that he has."""


class TrainedUsers(Queries):
    """Users who were trained; somebody new is folded in."""

    def __init__(self, run: OpenedRun, task: Recommend) -> None:
        super().__init__(run, task)
        self._task, self._users = task, run.embeddings["user"]
        self.masked = task.mask_seen

    def nothing(self, seen: Seen) -> Tensor:
        """Users with nothing in train, whose embedding has learned nothing."""
        return self._task.train.counts == 0

    def users(self, seen: Seen) -> Tensor:
        """All of them."""
        return torch.arange(len(self._users))

    def embed(self, users: Tensor, seen: Seen) -> Tensor:
        """Their rows of the table."""
        return self._users.index_select(0, users)

    def embed_history(self, history: Tensor) -> Tensor:
        """See :func:`~graphcl.serve.fold_in.fold_in`; repeats count once."""
        return fold_in(self.items.float(), unique_in_order(history), self.popularity)

    def left_out(self, seen: Seen) -> ItemLists | None:
        """Items of train and validation where the evaluation leaves them out; for ``all`` those of test, too."""
        if seen == "none":
            return None
        if seen == "evaluation":
            return self._task.seen("test")
        return self._task.train.union(self._task.positives("valid")).union(self._task.positives("test"))


class ReadHistories(Queries):
    """Users whose history is read by the trained tower, as is anybody's.

    What is read is what the evaluation on test reads (train, and validation unless ``valid_in_input`` is off), so that
    lists are those that the metrics were computed on; for ``all`` it is the whole history, test too.
    """

    def __init__(self, run: OpenedRun, task: Sequence) -> None:
        super().__init__(run, task)
        self._run, self._task = run, task
        self.masked, self.longest = task.questions.mask_history, task.data.max_len
        asked, self._stored = task.questions.users("test"), run.embeddings["chain"]
        self._place = torch.full((len(self._data.users),), -1).index_copy_(0, asked, torch.arange(asked.numel()))

    @cached_property
    def _whole(self) -> ItemRuns:
        held_out = self._data.held_out
        return self._task.questions.runs(self._data.train.join(held_out.valid).join(held_out.test))

    @cached_property
    def _judged(self) -> ItemRuns:
        return self._task.questions.inputs("test")

    def _read(self, seen: Seen) -> ItemRuns:
        return self._whole.last(self._task.data.max_len) if seen == "all" else self._judged

    def nothing(self, seen: Seen) -> Tensor:
        """Users without anything to read."""
        return self._read(seen).counts == 0

    def users(self, seen: Seen) -> Tensor:
        """Those with something to read."""
        return (~self.nothing(seen)).nonzero().squeeze(1)

    def embed(self, users: Tensor, seen: Seen) -> Tensor:
        """The stored latent of a user who was judged on test, else that of his history, read now.

        Raises:
            UserError: there is nothing to read of one of them.
        """
        empty = users[self.nothing(seen)[users]]
        if empty.numel():
            names = [str(name) for name in self._data.users.values[empty.numpy()]]
            raise UserError(
                f"{listed(names, users.numel(), 'user')} without an event before what is held out, so that there is no "
                "history to read; --without-test reads what was held out, too, and --fallback popularity gives "
                "popular items"
            )
        stored = (self._place[users] >= 0) & (seen != "all")
        rows = self.items.new_empty(users.numel(), self.items.shape[1])
        rows[stored] = self._stored.index_select(0, self._place[users[stored]])
        if not bool(stored.all()):
            rows[~stored] = self._encode(self._read(seen), users[~stored])
        return rows

    def embed_history(self, history: Tensor) -> Tensor:
        """The latent at its end; of a history beyond ``max_len`` the last items are read."""
        runs = ItemRuns(torch.tensor([0, history.numel()]), history, len(self._data.items))
        return self._encode(runs.last(self._task.data.max_len), torch.zeros(1, dtype=torch.int64))[0]

    def _encode(self, runs: ItemRuns, users: Tensor) -> Tensor:
        model, views = self._model
        return embed_records(model, views, self._run.task, self._task.read(runs, users))["chain"].cpu()

    @cached_property
    def _model(self) -> tuple[Any, Views]:
        run = self._run
        device = torch.device("cpu")
        return load_model(run.folder, run.recipe, run.task), Views(run.recipe, run.task, seed=run.seed, device=device)

    def left_out(self, seen: Seen) -> ItemLists | None:
        """The history where the evaluation masks it, and for ``all`` all that a user has."""
        if seen == "none":
            return None
        return self._whole.lists() if seen == "all" else self._task.questions.seen("test")

    def named(self) -> tuple[Mapping[str, Tensor], Any]:
        """Embeddings of the users with a history and of all items, and what gives them ids."""
        users = self.users("evaluation")
        ids = SimpleNamespace(users=Ids(self._data.users.values[users.numpy()]), items=self._data.items)
        return {"user": self.embed(users, "evaluation"), "item": self.items}, ids


def named_embeddings(run: OpenedRun) -> tuple[Mapping[str, Tensor], Any]:
    """A run's embeddings, and the data that gives ids to their rows: of users where histories were read."""
    return ReadHistories(run, run.task).named() if isinstance(run.task, Sequence) else (run.embeddings, run.data)


def queries(run: OpenedRun) -> Queries:
    """Those of a run's task.

    Raises:
        UserError: a task that ranks no items for users.
    """
    if isinstance(run.task, Recommend):
        return TrainedUsers(run, run.task)
    if isinstance(run.task, Sequence):
        return ReadHistories(run, run.task)
    raise UserError(f"{run.folder.path} is a run of task {run.recipe['task']}; this needs task recommend or sequence")
