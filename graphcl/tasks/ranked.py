"""What tasks that rank a catalogue share: how embeddings are judged, and what is said of that."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from graphcl.core.words import counted
from graphcl.tasks.base import Split
from graphcl.tasks.baselines.base import RankingBaseline
from graphcl.tasks.baselines.compare import refusals
from graphcl.tasks.ranking import Candidates, Ranking, SliceRow, metric_names, slice_items, slice_users


class RankedTask(ABC):
    """A task whose embeddings rank every item for users who have something to be found.

    Attributes:
        k: Cut-offs, ascending.
        activity_slices: Groups of users in the table of slices.
        references: Baselines by name.
        candidates: What the rankings are among.
    """

    metrics: ClassVar[tuple[str, ...]] = ("recall@", "ndcg@", "mrr@", "hit@", "precision@", "map@", "coverage@")
    k: tuple[int, ...]
    activity_slices: int
    references: Mapping[str, RankingBaseline]
    candidates: Candidates

    @abstractmethod
    def rank_embeddings(self, embeddings: Mapping[str, Tensor], split: Split, *, seed: int) -> Ranking:
        """Rank the catalogue by the inner product; per-user metrics are in the result."""

    @abstractmethod
    def train_counts(self) -> tuple[Tensor, Tensor]:
        """[U] how much each user has in train, and [I] how often each item is there."""

    @property
    def metric_names(self) -> list[str]:
        """What :meth:`evaluate` gives, known before anything is trained."""
        return metric_names(self.k)

    def evaluate(self, embeddings: Mapping[str, Tensor], split: Split, *, seed: int) -> dict[str, float]:
        """Means over users, and coverage; see :meth:`rank_embeddings` for arguments and errors."""
        return self.rank_embeddings(embeddings, split, seed=seed).metrics()

    def evaluate_slices(self, embeddings: Mapping[str, Tensor], split: Split, *, seed: int) -> list[SliceRow]:
        """Metrics by user activity and recall by item popularity, both counted in train."""
        ranking = self.rank_embeddings({t: e.cpu() for t, e in embeddings.items()}, split, seed=seed)
        activity, popularity = self.train_counts()
        return slice_users(ranking, activity, self.activity_slices) + slice_items(ranking, popularity)

    def ranking_notes(self, num_users: int, num_items: int, skipped_users: int) -> list[str]:
        """What is unusual about the lists, the users without negatives, and the baselines left out."""
        notes = []
        if line := self.candidates.line():
            notes.append(f"each user's items are ranked among {line}")
        if max(self.k) > num_items:
            notes.append(f"k={max(self.k)} is more than the {num_items} items: lists end there")
        if skipped_users:
            notes.append(f"{counted(skipped_users, 'user')} with every item: no negatives, not trained on")
        for name, reason in refusals(self.references, num_users, num_items).items():
            notes.append(f"baseline {name} is left out: {reason}")
        return notes
