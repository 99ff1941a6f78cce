"""Nodes with classes: batches of anchor nodes, judged by a probe on frozen embeddings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.metrics import f1_score
from torch import Tensor

from graphcl.core.build import build
from graphcl.core.errors import NonFiniteError, UserError
from graphcl.core.options import Count
from graphcl.core.registry import register, resolve
from graphcl.core.seeds import derive
from graphcl.data.graphs.node_graph import NodeGraph
from graphcl.data.graphs.splits import NodeSplit
from graphcl.encode.base import Graph
from graphcl.tasks.base import Batch, Split
from graphcl.tasks.baselines.node import NodeBaseline
from graphcl.tasks.probes.base import Labelled, Probe


@register(
    "task",
    "node",
    example={"probe_options": {"grid": [1.0]}},
    rows=("batch", "all"),
    types=(),
    data="node_graph",
    monitor="accuracy",
)
class Node:
    """Node classification by a probe.

    Training sees the whole graph without labels (transductive). A batch holds all nodes, or, where
    ``train.batch_size`` is smaller than the graph, a random part of them as anchors: rows ``batch``;
    ``all`` are all nodes either way.

    Metrics: ``accuracy`` (micro-F1) and ``macro_f1``; with several splits their mean, and ``.../std`` over the splits.
    """

    rows: ClassVar[tuple[str, ...]] = ("batch", "all")
    types: ClassVar[tuple[str, ...]] = ()
    data_part: ClassVar[str] = "node_graph"
    has_validation = True
    monitor: ClassVar[str] = "accuracy"

    def __init__(
        self,
        probe: str = "linear",
        probe_options: dict[str, Any] | None = None,
        splits: Count = 1,
        baselines: Sequence[str] = ("majority_class", "raw_features", "propagated_features", "random_encoder"),
        *,
        data: NodeGraph,
    ) -> None:
        """
        Args:
            probe: Classifier on the frozen embeddings: linear or knn.
            probe_options: Options of the probe.
            splits: Random splits, or given ones, over which metrics are averaged.
            baselines: Names of the baselines beside the result.
            data: The labelled graph.

        Raises:
            UserError: an unknown probe or baseline, or a split that cannot be used.
        """
        self.data, self.probe_name = data, probe
        self.probe: Probe = build("probe", probe, probe_options or {})
        # All are drawn now: a split that cannot be used ends the run before training, not after it.
        self._splits = [data.splits.at(offset) for offset in range(splits)]
        self._baselines = {name: _build_baseline(name) for name in baselines}
        self._chosen: dict[str, dict[str, Any]] = {}

    @property
    def num_nodes(self) -> int:
        """N."""
        return int(self.data.graph.num_nodes or 0)

    @property
    def graphs(self) -> Mapping[str, Graph]:
        """The one training graph: features and edges."""
        return {"graph": self.data.graph}

    def num_batches(self, batch_size: int) -> int:
        """Batches of an epoch; 0 takes all nodes at once."""
        return -(-self.num_nodes // batch_size) if batch_size else 1

    def batches(self, batch_size: int, *, generator: torch.Generator, start: int = 0) -> Iterable[Batch]:
        """One batch of all nodes in order, or a fresh random partition of them."""
        every = torch.arange(self.num_nodes)
        full = batch_size == 0 or batch_size >= self.num_nodes
        order = every if full else torch.randperm(self.num_nodes, generator=generator)
        for ids in order.split(batch_size or self.num_nodes)[start:]:
            yield Batch(ids=ids, rows={"batch": ids, "all": every}, targets=ids.numel())

    def evaluate(self, embeddings: Mapping[str, Tensor], split: Split, *, seed: int) -> dict[str, float]:
        """Fit the probe on the training nodes of every split and judge it on ``split``.

        Args:
            embeddings: ``""`` -> [N, d].
            split: ``valid``, on which the probe's own settings are chosen too, or ``test``.
            seed: Of the probe.

        Raises:
            NonFiniteError: an embedding is NaN or infinite.
        """
        return self._judge(embeddings[""], self.probe, split, seed)

    def _judge(self, x: Tensor, probe: Probe, split: Split, seed: int) -> dict[str, float]:
        if x.shape[0] != self.num_nodes:
            raise ValueError(f"{x.shape[0]} embeddings for {self.num_nodes} nodes")
        if not bool(torch.isfinite(x).all()):
            raise NonFiniteError("node embeddings hold NaN or infinite values")
        x = x.detach().cpu()
        return _average([self._on_split(x, probe, nodes, split, seed) for nodes in self._splits])

    def _on_split(self, x: Tensor, probe: Probe, nodes: NodeSplit, split: Split, seed: int) -> dict[str, float]:
        labels = self.data.labels
        classifier = probe.fit(
            train=Labelled.take(x, labels, nodes.train), valid=Labelled.take(x, labels, nodes.valid), seed=seed
        )
        judged = Labelled.take(x, labels, nodes.valid if split == "valid" else nodes.test)
        return class_metrics(classifier.predict(judged.x), judged.y)

    def baselines(self, *, seed: int) -> dict[str, dict[str, float]]:
        """Test metrics of each baseline, in the setting that does best on validation (the first of equals)."""
        return {name: self._baseline(name, baseline, seed) for name, baseline in self._baselines.items()}

    def _baseline(self, name: str, baseline: NodeBaseline, seed: int) -> dict[str, float]:
        probe = build("probe", baseline.probe, {}) if baseline.probe else self.probe
        best, tried = None, 0
        # One setting after the other: of wide features two hardly fit in memory.
        for settings, x in baseline.embeddings(self.data.graph, seed=derive(seed, "baseline", name)):
            tried += 1
            value = self._judge(x, probe, "valid", seed)[self.monitor]
            if best is None or value > best[0]:
                best = value, settings, x
        if best is None:
            raise UserError(f"baseline {name!r} has no settings to choose from")
        value, settings, x = best
        self._chosen[name] = {"settings": dict(settings), "valid_accuracy": value, "tried": tried}
        return self._judge(x, probe, "test", seed)

    def describe(self) -> dict[str, Any]:
        """Protocol, what was read and decided, sizes and hash of every split."""
        return {
            "task": "node",
            "nodes": self.num_nodes,
            "probe": self.probe_name,
            "split": self.data.report.split,
            "notes": self.data.report.lines(),
            "splits": [{"sizes": split.sizes(), "hash": split.digest()} for split in self._splits],
            "baselines": self._chosen,
        }


def class_metrics(predicted: Tensor, truth: Tensor) -> dict[str, float]:
    """``accuracy``, and ``macro_f1`` over the classes that are true or predicted somewhere."""
    y, y_hat = truth.cpu().numpy(), predicted.cpu().numpy()
    return {
        "accuracy": float(np.mean(y == y_hat)),
        "macro_f1": float(f1_score(y, y_hat, average="macro", zero_division=0.0)),
    }


def _average(results: list[dict[str, float]]) -> dict[str, float]:
    """Mean over splits; with several also ``.../std``, their standard deviation (n - 1)."""
    values = {name: np.array([result[name] for result in results]) for name in results[0]}
    metrics = {name: float(v.mean()) for name, v in values.items()}
    if len(results) > 1:
        metrics |= {f"{name}/std": float(v.std(ddof=1)) for name, v in values.items()}
    return metrics


def _build_baseline(name: str) -> NodeBaseline:
    task = resolve("baseline", name).meta.get("task")
    if task != "node":
        raise UserError(f"eval.baselines: {name!r} is a baseline of the task {task!r}, not of 'node'")
    return build("baseline", name, {})
