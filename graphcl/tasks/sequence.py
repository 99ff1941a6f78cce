"""Sequences: the next item of each history, judged by full ranking."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.options import Count, Index, NonNegative
from graphcl.core.registry import register
from graphcl.data.histories import Histories
from graphcl.data.interactions import Pairs
from graphcl.encode.base import Graph
from graphcl.tasks.base import Batch, Split
from graphcl.tasks.baselines.base import HistoryScorer, score_given
from graphcl.tasks.baselines.compare import BaselineResult, build_baselines, compare, hold_back_last
from graphcl.tasks.pair_batches import Negatives
from graphcl.tasks.questions import Questions, Targets
from graphcl.tasks.ranked import RankedTask
from graphcl.tasks.ranking import (
    BLOCK_BYTES,
    Candidates,
    InnerProduct,
    Ranking,
    SampledBy,
    ScoreBlock,
    rank_users,
)
from graphcl.tasks.runs import ItemRuns
from graphcl.tasks.sequence_batches import ROWS, SequenceBatches
from graphcl.tasks.sequence_record import record

#: Histories that are embedded at a time.
BLOCK_USERS = 256


@register("task", "sequence", example={}, rows=ROWS, types=(), data="histories", monitor="ndcg@10")
class Sequence(RankedTask):
    """Next-item prediction: each history is a chain, and every item of the catalogue is ranked at its end.

    A batch carries its histories as chains (:func:`~graphcl.graph.chain.build_chains`) under the field ``chain``,
    without the item that is predicted last. Rows: ``predict``, the nodes that have a next item; ``next``, these items;
    ``negatives``, items that the user does not have in train, ``num_negatives`` after each other for each of ``next``;
    ``shared``, ``shared_negatives`` items of train drawn for the whole batch, whoever has them;
    ``last``, the last node of each chain; ``batch``, the chains. ``ids`` are the numbers of examples; the data's
    ``row_layout`` says what an example is (:class:`~graphcl.tasks.sequence_batches.SequenceBatches`).

    Ranked by the inner product of the chain's latent and the item's, all items being candidates but those of the
    history (``mask_history``). With ``sampled`` they are a few drawn ones: such metrics are not comparable with those
    of full ranking, and may order methods otherwise (Krichene and Rendle, KDD 2020). Equal scores are ordered at
    random per (user, item). Metrics are those of :func:`~graphcl.tasks.ranking.ranking_metrics`; with one item to find,
    ``recall@K`` is the hit rate.
    """

    rows: ClassVar[tuple[str, ...]] = ROWS
    types: ClassVar[tuple[str, ...]] = ()
    data_part: ClassVar[str] = "histories"
    monitor: ClassVar[str] = "ndcg@10"
    embedded_by: ClassVar[tuple[str, ...]] = ("valid_in_input",)

    def __init__(
        self,
        k: tuple[Count, ...] = (5, 10, 20),
        mask_history: bool = True,
        valid_in_input: bool = True,
        targets: Targets = "first",
        sampled: Index = 0,
        sampled_by: SampledBy = "uniform",
        num_negatives: Count = 1,
        shared_negatives: Index = 0,
        negatives: Negatives = "uniform",
        popularity_power: NonNegative = 0.75,
        baselines: tuple[str | dict[str, dict[str, Any]], ...] = ("popularity", "repeat_last", "markov"),
        activity_slices: Count = 4,
        block_bytes: Count = BLOCK_BYTES,
        *,
        data: Histories,
    ) -> None:
        """
        Args:
            k: Cut-offs of the metrics.
            mask_history: Leave items that the user had before out of his ranking; one that comes back cannot be found.
            valid_in_input: Whether the history that is read for test ends with the items of validation.
            targets: What is to be found where several items of a user are held out; the first of them, or all.
            sampled: Rank each target among so many sampled items the user never had, not among all: on request only,
                since it is not comparable with full ranking; 0 ranks all.
            sampled_by: Distribution of these items, uniform or popularity (events of the item in train).
            num_negatives: Sampled negatives per target, for losses that read them.
            shared_negatives: Sampled items per batch, rows `shared`, for losses whose targets share negatives.
            negatives: Distribution of sampled negatives over the items of train, uniform or popularity.
            popularity_power: Exponent of popularity negatives.
            baselines: Baselines beside the result, by name or as name and options.
            activity_slices: Groups of users, by length of their train history, in the table of slices.
            block_bytes: Most bytes for a block of scores; results do not depend on it.
            data: The histories.

        Raises:
            UserError: no cut-off, no history of two items to train on, or an unknown baseline.
        """
        if not k:
            raise UserError("eval.k: give at least one cut-off, for example k=[5,10]")
        self.k = tuple(sorted(set(k)))
        self.data = data
        self.sampling = {"negatives": negatives, "num_negatives": num_negatives, "shared_negatives": shared_negatives}
        self.activity_slices, self.block_bytes = activity_slices, block_bytes
        self.questions = Questions(data, mask_history=mask_history, valid_in_input=valid_in_input, targets=targets)
        self.candidates = Candidates(sampled, sampled_by, num_items=len(data.items))
        self.references = build_baselines(baselines, "sequence")
        self.results: dict[str, BaselineResult] = {}
        self.train = self.questions.train
        self.max_len = data.max_len
        self.training = SequenceBatches(
            self.train, max_len=data.max_len, row_layout=data.row_layout, per_target=num_negatives,
            for_all=shared_negatives, negatives=negatives, power=popularity_power,
        )  # fmt: skip
        if not len(self.training):
            raise UserError("nothing to learn from: no history of two items in train")

    # --- training: reads data.train and nothing else --------------------------------------------

    @cached_property
    def graphs(self) -> Mapping[str, Graph]:
        """``chain``: the train histories, whole."""
        has = self.train.counts > 0
        return {"chain": self.train.chains(self.train.ptr[:-1][has], self.train.ptr[1:][has])[0]}

    @property
    def ahead(self) -> Mapping[str, str]:
        """``predict``, in packed rows: a later node of the same chain is the target."""
        return {"predict": "data.row_layout=prefix"} if self.data.row_layout == "packed" else {}

    @property
    def lacking(self) -> Mapping[str, str]:
        """``predict`` and ``next``, in whole rows: nothing follows what is read; ``shared``, unless some are drawn."""
        following = ("predict", "next") if self.data.row_layout == "whole" else ()
        drawn = () if self.sampling["shared_negatives"] else ("shared",)
        return {**dict.fromkeys(following, "data.row_layout=packed"),
                **dict.fromkeys(drawn, "eval.shared_negatives=1000")}  # fmt: skip

    @property
    def target_of(self) -> Tensor:
        """[examples] the item that each example predicts last."""
        return self.training.target_of

    def records(self, ids: Tensor) -> Mapping[str, Graph]:
        """``chain``: what these examples read."""
        return {"chain": self.training.inputs(ids)}

    def training_examples(self) -> Iterator[Batch]:
        """What every example reads, in the order of their numbers."""
        for ids in torch.arange(len(self.training)).split(BLOCK_USERS):
            yield Batch(ids, graphs=self.records(ids), targets=ids.numel())

    def num_batches(self, batch_size: int) -> int:
        """Batches of an epoch; 0 takes all examples at once."""
        return self.training.count(batch_size)

    def batches(self, batch_size: int, *, generator: torch.Generator, start: int = 0) -> Iterator[Batch]:
        """The batches of one epoch from number ``start`` on: the same ones, whatever ``start`` is."""
        return self.training.epoch(batch_size, generator=generator, start=start)

    # --- evaluation ----------------------------------------------------------------------------

    @property
    def has_validation(self) -> bool:
        """Whether a user has a history and an item to be found in validation."""
        return self.questions.users("valid").numel() > 0

    def examples(self, split: Split) -> Iterator[Batch]:
        """The histories of the evaluated users, in order; ``ids`` are positions of users."""
        yield from self.read(self.questions.inputs(split), self.questions.users(split))

    def read(self, inputs: ItemRuns, users: Tensor) -> Iterator[Batch]:
        """The histories of ``users`` [n] among ``inputs``, of which none is empty, in this order."""
        for block in users.split(BLOCK_USERS):
            chains, _ = inputs.chains(inputs.ptr[block], inputs.ptr[block + 1])
            rows = {"last": chains.ptr[1:] - 1, "batch": torch.arange(block.numel())}
            yield Batch(block, rows, {"chain": chains}, targets=block.numel())

    def rank(
        self, scorer: ScoreBlock | HistoryScorer, split: Split, *, seed: int, device: torch.device | None = None
    ) -> Ranking:
        """Rank the catalogue by any scorer, whose scores are on ``device``.

        Raises:
            UserError: nobody has something to be found in the split.
        """
        asked = self.questions
        positives, seen = asked.positives(split), asked.seen(split)
        only = self.candidates.of(
            split, positives, lambda: asked.history(split).lists(), lambda: self.train_counts()[1], seed=seed
        )
        if device is not None:
            positives, seen, only = positives.to(device), seen and seen.to(device), only and only.to(device)
        scores = score_given(scorer, asked.inputs(split))
        return rank_users(scores, positives, self.k, seen=seen, only=only, seed=seed, block_bytes=self.block_bytes)

    def rank_embeddings(self, embeddings: Mapping[str, Tensor], split: Split, *, seed: int) -> Ranking:
        """Rank the catalogue by the inner product; per-user metrics are in the result.

        Args:
            embeddings: ``chain`` -> [n, d] in the order of ``examples(split)``, ``item`` -> [I, d].
            split: ``valid`` or ``test``.
            seed: Of the order of ties.

        Raises:
            UserError: the split is empty, or the embeddings are not those of this data.
            NonFiniteError: an embedding or a score is NaN or infinite.
        """
        users = self.questions.users(split)
        for name, count in (("chain", users.numel()), ("item", len(self.data.items))):
            if embeddings[name].shape[0] != count:
                what = "evaluated users" if name == "chain" else "items"
                raise UserError(f"{embeddings[name].shape[0]} {name} embeddings for {count} {what}")
        scorer = InnerProduct(embeddings["chain"], embeddings["item"])
        device = scorer.items.device
        place = torch.zeros(len(self.data.users), dtype=torch.int64)
        place = place.index_copy_(0, users, torch.arange(users.numel())).to(device)
        return self.rank(lambda users: scorer(place[users]), split, seed=seed, device=device)

    def train_counts(self) -> tuple[Tensor, Tensor]:
        """[U] length of each train history, and [I] how often each item is in them."""
        return self.train.counts, torch.bincount(self.train.items, minlength=self.train.num_items)

    def baselines(self, *, seed: int) -> dict[str, dict[str, float]]:
        """Baseline -> test metrics; ``results`` then holds settings and per-user values.

        Settings are chosen on validation, or where there is none on the last item of each train history, held back for
        that. The fit that is tested is on train.
        """
        cut = self.k[len(self.k) // 2]

        def judge(fitted: ScoreBlock | HistoryScorer, fitted_on: Pairs, find: Pairs) -> float:
            history = self.questions.runs(fitted_on)
            inputs = history.last(self.data.max_len)
            seen = history.lists() if self.questions.mask_history else None
            scores, positives = score_given(fitted, inputs), self.questions.to_find(find, inputs)
            ranking = rank_users(scores, positives, (cut,), seen=seen, seed=seed, block_bytes=self.block_bytes)
            return ranking.metrics()[f"ndcg@{cut}"]

        data = self.data
        self.results = compare(
            self.references, data.train, data.held_out.valid, len(data.users), len(data.items), judge=judge,
            test=lambda fitted: self.rank(fitted, "test", seed=seed), held_back=lambda: hold_back_last(data.train),
        )  # fmt: skip
        return {name: result.ranking.metrics() for name, result in self.results.items()}

    def describe(self) -> dict[str, Any]:
        """Protocol, counts, split hash and notes; see :mod:`~graphcl.tasks.sequence_record`."""
        return record(self)
