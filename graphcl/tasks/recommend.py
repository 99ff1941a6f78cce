"""Recommendation: training pairs with negatives, judged by full ranking."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.options import Count, Index, NonNegative
from graphcl.core.registry import register
from graphcl.data.interactions import Interactions, Pairs
from graphcl.encode.base import Graph
from graphcl.graph.bipartite import build_bipartite
from graphcl.tasks.base import Batch, Split
from graphcl.tasks.baselines.compare import BaselineResult, build_baselines, compare, hold_back
from graphcl.tasks.pair_batches import Negatives, PairBatches
from graphcl.tasks.ranked import RankedTask
from graphcl.tasks.ranking import (
    BLOCK_BYTES,
    Candidates,
    InnerProduct,
    ItemLists,
    Ranking,
    SampledBy,
    ScoreBlock,
    rank_users,
)

ROWS = ("users", "items_pos", "items_neg", "batch", "positives", "unique")


@register("task", "recommend", example={}, rows=ROWS, types=("user", "item"), data="interactions", monitor="ndcg@20")
class Recommend(RankedTask):
    """Top-K recommendation by the inner product of user and item embeddings.

    A batch is a set of training pairs (``ids`` = their positions in train) with the rows ``users``,
    ``items_pos`` and ``items_neg`` of equal length; ``batch`` (users; positives and negatives), ``positives``
    (users; positives) and ``unique`` (each user and each positive once) have rows of both node types.

    Every item of the catalogue is ranked for every user who has something in the split (see
    :func:`~graphcl.tasks.ranking.ranking_metrics` for the metrics). Items seen in train are left out; on
    test those seen in validation too, unless ``mask_valid`` is off. Equal scores are ordered at random per
    (user, item), so that no scorer gains by ties.
    """

    rows: ClassVar[tuple[str, ...]] = ROWS
    types: ClassVar[tuple[str, ...]] = ("user", "item")
    data_part: ClassVar[str] = "interactions"
    monitor: ClassVar[str] = "ndcg@20"

    def __init__(
        self,
        k: tuple[Count, ...] = (10, 20, 40),
        mask_seen: bool = True,
        mask_valid: bool = True,
        sampled: Index = 0,
        sampled_by: SampledBy = "uniform",
        negatives: Negatives = "uniform",
        num_negatives: Count = 1,
        popularity_power: NonNegative = 0.75,
        pairs_per_user: Index = 0,
        baselines: tuple[str | dict[str, dict[str, Any]], ...] = ("popularity", "itemknn", "ease"),
        activity_slices: Count = 4,
        block_bytes: Count = BLOCK_BYTES,
        *,
        data: Interactions,
    ) -> None:
        """
        Args:
            k: Cut-offs of the metrics.
            mask_seen: Leave items of train out of a user's ranking.
            mask_valid: Leave items of validation out too, on test.
            sampled: Rank what is to be found among so many sampled items the user never had, not among all: on
                request only, since it is not comparable with full ranking; 0 ranks all.
            sampled_by: Distribution of these items, uniform or popularity (users of the item in train).
            negatives: Distribution of sampled negatives, uniform or popularity (of the item in train).
            num_negatives: Negatives per training pair; the pair is repeated for each.
            popularity_power: Exponent of popularity negatives.
            pairs_per_user: A batch is train.batch_size users with up to this many pairs each; 0 counts it in pairs.
            baselines: Baselines beside the result, by name or as name and options.
            activity_slices: Groups of users, by number of training items, in the table of slices.
            block_bytes: Most bytes for a block of scores; results do not depend on it.
            data: The interactions.

        Raises:
            UserError: no cut-off, no training pair, or an unknown baseline.
        """
        if not k:
            raise UserError("eval.k: give at least one cut-off, for example k=[10,20]")
        if not len(data.train):
            raise UserError("no training interactions: the filters or the split left none")
        self.k = tuple(sorted(set(k)))
        self.data, self.mask_seen, self.mask_valid = data, mask_seen, mask_valid
        self.activity_slices, self.block_bytes = activity_slices, block_bytes
        self.candidates = Candidates(sampled, sampled_by, num_items=len(data.items))
        self.references = build_baselines(baselines)
        self.results: dict[str, BaselineResult] = {}
        self.sampling = {"negatives": negatives, "num_negatives": num_negatives, "pairs_per_user": pairs_per_user}
        self.pairs = PairBatches(
            data.train,
            self.train,
            negatives=negatives,
            power=popularity_power,
            per_pair=num_negatives,
            per_user=pairs_per_user,
        )

    # --- training: reads data.train and nothing else --------------------------------------------

    @cached_property
    def train(self) -> ItemLists:
        """The training items of each user."""
        return self._lists(self.data.train)

    @cached_property
    def graphs(self) -> Mapping[str, Graph]:
        """``graph``: users and items, an edge for each training pair."""
        pairs = self.data.train
        graph = build_bipartite(pairs.users, pairs.items, len(self.data.users), len(self.data.items), pairs.weight)
        return {"graph": graph}

    def num_batches(self, batch_size: int) -> int:
        """Batches of an epoch; 0 takes all pairs (or users) at once."""
        return self.pairs.count(batch_size)

    def batches(self, batch_size: int, *, generator: torch.Generator, start: int = 0) -> Iterable[Batch]:
        """The batches of one epoch from number ``start`` on: the same ones, whatever ``start`` is."""
        return self.pairs.epoch(batch_size, generator=generator, start=start)

    # --- evaluation ----------------------------------------------------------------------------

    @property
    def has_validation(self) -> bool:
        """Whether there are validation pairs to choose an epoch by."""
        return len(self.data.held_out.valid) > 0

    def positives(self, split: Split) -> ItemLists:
        """What is to be found in ``split``."""
        return self._lists(self.data.held_out.valid if split == "valid" else self.data.held_out.test)

    def seen(self, split: Split) -> ItemLists | None:
        """What is left out of the rankings of ``split``."""
        if not self.mask_seen:
            return None
        return self.train.union(self.positives("valid")) if split == "test" and self.mask_valid else self.train

    def rank(self, scorer: ScoreBlock, split: Split, *, seed: int, device: torch.device | None = None) -> Ranking:
        """Rank the catalogue by any scorer, whose scores are on ``device``.

        Raises:
            UserError: the split is empty.
        """
        positives, seen = self.positives(split), self.seen(split)
        only = self.candidates.of(
            split, positives, lambda: self.had(split), lambda: self.train_counts()[1], seed=seed
        )
        if device is not None:
            positives, seen, only = positives.to(device), seen and seen.to(device), only and only.to(device)
        return rank_users(scorer, positives, self.k, seen=seen, only=only, seed=seed, block_bytes=self.block_bytes)

    def rank_embeddings(self, embeddings: Mapping[str, Tensor], split: Split, *, seed: int) -> Ranking:
        """Rank the catalogue by the inner product; per-user metrics are in the result.

        Args:
            embeddings: ``user`` -> [U, d], ``item`` -> [I, d].
            split: ``valid`` or ``test``.
            seed: Of the order of ties.

        Raises:
            UserError: the split is empty, or the embeddings are not those of this data.
            NonFiniteError: an embedding or a score is NaN or infinite.
        """
        for node_type, count in (("user", len(self.data.users)), ("item", len(self.data.items))):
            if embeddings[node_type].shape[0] != count:
                raise UserError(f"{embeddings[node_type].shape[0]} {node_type} embeddings for {count} {node_type}s")
        scorer = InnerProduct(embeddings["user"], embeddings["item"])
        return self.rank(scorer, split, seed=seed, device=scorer.items.device)

    def had(self, split: Split) -> ItemLists:
        """All that each user had before the items of ``split``."""
        return self.train if split == "valid" else self.train.union(self.positives("valid"))

    def train_counts(self) -> tuple[Tensor, Tensor]:
        """[U] different items of each user, and [I] users of each item."""
        return self.train.counts, torch.bincount(self.train.items, minlength=self.train.num_items)

    def baselines(self, *, seed: int) -> dict[str, dict[str, float]]:
        """Baseline -> test metrics; ``results`` then holds settings and per-user values.

        Settings are chosen on validation, or where there is none on a tenth of train held back for that.
        The fit that is tested is on train. A baseline that refuses this size is left out, with a note.
        """
        sizes = len(self.data.users), len(self.data.items)
        cut = self.k[len(self.k) // 2]

        def judge(scorer: ScoreBlock, fitted_on: Pairs, find: Pairs) -> float:
            seen = self._lists(fitted_on) if self.mask_seen else None
            ranking = rank_users(scorer, self._lists(find), (cut,), seen=seen, seed=seed, block_bytes=self.block_bytes)
            return ranking.metrics()[f"ndcg@{cut}"]

        def test(scorer: ScoreBlock) -> Ranking:
            return self.rank(scorer, "test", seed=seed)

        valid = self.data.held_out.valid
        train = self.data.train
        self.results = compare(
            self.references, train, valid, *sizes, judge=judge, test=test, held_back=lambda: hold_back(train, seed)
        )
        return {name: result.ranking.metrics() for name, result in self.results.items()}

    # --- the record ----------------------------------------------------------------------------

    def describe(self) -> dict[str, Any]:
        """Protocol, counts, split hash and notes."""
        data, splits = self.data, {"valid": self.data.held_out.valid, "test": self.data.held_out.test}
        return {
            "task": "recommend",
            **({"protocol": f"protocol: {self.candidates.line()}"} if self.candidates.count else {}),
            "ranking": self.candidates.describe(),
            "masked": self._masked(),
            "ties": "random per user and item, from the seed",
            "k": list(self.k),
            "users": len(data.users),
            "items": len(data.items),
            "pairs": {"train": len(data.train), **{name: len(pairs) for name, pairs in splits.items()}},
            "evaluated_users": {name: len(np.unique(pairs.users)) for name, pairs in splits.items()},
            "sampling": {**self.sampling, "skipped_users": self.pairs.skipped_users},
            "split": data.report.split,
            "split_hash": data.report.split_hash,
            "baselines": {name: result.record() for name, result in self.results.items()},
            "notes": self.ranking_notes(len(data.users), len(data.items), self.pairs.skipped_users),
        }

    def _masked(self) -> dict[str, list[str]]:
        train = ["train"] if self.mask_seen else []
        return {"valid": train, "test": [*train, "valid"] if train and self.mask_valid else train}

    def _lists(self, pairs: Pairs) -> ItemLists:
        users, items = torch.from_numpy(pairs.users), torch.from_numpy(pairs.items)
        return ItemLists.from_pairs(users, items, len(self.data.users), len(self.data.items))
