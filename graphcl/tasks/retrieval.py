"""Records of several graphs: from one side of a record, find the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import permutations
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn.functional import normalize

from graphcl.core.options import Counts
from graphcl.core.registry import register
from graphcl.core.seeds import derive
from graphcl.data.records import Records
from graphcl.encode.base import Graph
from graphcl.tasks.base import Batch, Split
from graphcl.tasks.partition import partition
from graphcl.tasks.ranking import InnerProduct, ItemLists, rank_users


@register("task", "retrieval", example={}, rows=("batch",), types=(), data="records", monitor="recall@10")
class Retrieval:
    """Cross-field retrieval: every held-out record queries with one field among all records of its split by another.

    Batches carry their own graphs, one ``torch_geometric`` batch per field, so latents of level ``graphs`` have
    one row per record of the batch, in the order of ``ids``.

    Records of your own: a plugin registers a data part whose ``load`` returns :class:`~graphcl.data.records.Records`,
    and a subclass of this task with ``data=`` its name.

    Metrics: ``recall@K`` and ``mrr@K``, the mean over every ordered pair of fields (text to graph, graph to text).
    """

    rows: ClassVar[tuple[str, ...]] = ("batch",)
    types: ClassVar[tuple[str, ...]] = ()
    data_part: ClassVar[str] = "records"
    has_validation = True
    keeps_apart = True
    monitor: ClassVar[str] = "recall@10"
    metrics: ClassVar[tuple[str, ...]] = ("recall@", "mrr@")

    def __init__(
        self,
        k: Counts = (1, 10),
        similarity: Literal["cosine", "dot"] = "cosine",
        *,
        data: Records,
    ) -> None:
        """
        Args:
            k: Cut-offs of the metrics.
            similarity: What ranks the candidates.
            data: The records.
        """
        self.k, self.similarity, self.data = tuple(k), similarity, data

    @cached_property
    def graphs(self) -> Mapping[str, Graph]:
        """Field -> the training records as one graph: what gives towers their sizes."""
        return self.data.graphs(self.data.parts["train"])

    def num_batches(self, batch_size: int) -> int:
        """Batches of an epoch; 0 takes all records at once."""
        return -(-self.data.parts["train"].numel() // batch_size) if batch_size else 1

    def batches(
        self, batch_size: int, *, generator: torch.Generator, start: int = 0, classes: Tensor | None = None
    ) -> Iterable[Batch]:
        """A random partition of the training records; see :func:`graphcl.tasks.partition.partition`."""
        for ids in partition(self.data.parts["train"], batch_size, generator=generator, classes=classes)[start:]:
            yield self._batch(ids)

    def examples(self, split: Split, batch_size: int = 256) -> Iterator[Batch]:
        """The records of a split in order, for the engine to embed before :meth:`evaluate`."""
        for ids in self.data.parts[split].split(batch_size):
            yield self._batch(ids)

    def training_examples(self, batch_size: int = 256) -> Iterator[Batch]:
        """The training records in the order of their numbers."""
        for ids in self.data.parts["train"].sort().values.split(batch_size):
            yield self._batch(ids)

    def _batch(self, ids: Tensor) -> Batch:
        return Batch(ids, {"batch": torch.arange(ids.numel())}, self.data.graphs(ids), targets=ids.numel())

    def evaluate(self, embeddings: Mapping[str, Tensor], split: Split, *, seed: int) -> dict[str, float]:
        """Rank all records of the split for each of them, ties at random.

        Args:
            embeddings: Field -> [n, d], rows in the order of ``examples(split)``.
            split: ``valid`` or ``test``.
            seed: Of the order of ties.

        Raises:
            NonFiniteError: an embedding is NaN or infinite.
            UserError: the fields' embeddings differ in width.
        """
        count = self.data.parts[split].numel()
        for name in self.data.fields:
            if embeddings[name].shape[0] != count:
                raise ValueError(f"{embeddings[name].shape[0]} embeddings of {name!r} for {count} records")
        directions = [
            self._rank(embeddings[query], embeddings[target], derive(seed, query, target))
            for query, target in permutations(self.data.fields, 2)
        ]
        return {name: sum(metrics[name] for metrics in directions) / len(directions) for name in directions[0]}

    def _rank(self, queries: Tensor, targets: Tensor, seed: int) -> dict[str, float]:
        if self.similarity == "cosine":
            queries, targets = normalize(queries, dim=1), normalize(targets, dim=1)
        own = torch.arange(queries.shape[0], device=queries.device)
        answers = ItemLists.from_pairs(own, own, own.numel(), own.numel())
        metrics = rank_users(InnerProduct(queries, targets), answers, self.k, seed=seed).metrics()
        return {name: value for name, value in metrics.items() if name.startswith(("recall@", "mrr@"))}

    def baselines(self, *, seed: int) -> dict[str, dict[str, float]]:
        """What a random order of the test records gets, in expectation."""
        count = self.data.parts["test"].numel()
        chance = {f"recall@{k}": min(k, count) / count for k in self.k}
        chance |= {f"mrr@{k}": sum(1 / rank for rank in range(1, min(k, count) + 1)) / count for k in self.k}
        return {"chance": chance}

    def describe(self) -> dict[str, Any]:
        """Fields, protocol, sizes and hash of the split."""
        return {
            "task": "retrieval",
            "fields": list(self.data.fields),
            "candidates": "all records of the split",
            "similarity": self.similarity,
            "notes": self.data.report.lines(),
            "split": self.data.report.split,
            "split_hash": self.data.report.split_hash,
        }
