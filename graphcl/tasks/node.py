"""Nodes of one graph: batches of anchor nodes, judged by a probe on frozen embeddings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from graphcl.core.errors import NonFiniteError, UserError
from graphcl.core.options import Index
from graphcl.core.registry import register
from graphcl.core.seeds import derive
from graphcl.core.seeds import generator as make_generator
from graphcl.data.graphs.node_graph import NodeGraph
from graphcl.encode.base import Graph
from graphcl.tasks.base import Batch, Split
from graphcl.tasks.baselines.embedded import EmbeddedBaseline, build_embedded, comparable
from graphcl.tasks.node_protocol import NodeProtocol
from graphcl.tasks.partition import partition
from graphcl.tasks.probes.base import Probe, average, build_probe
from graphcl.tasks.sampled_nodes import SampledNodes


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
    """Node classification, clustering or link prediction by a probe.

    Training sees the whole graph without labels (transductive), and without the links that are held out. A batch
    holds all nodes, or, where ``train.batch_size`` is smaller than the graph, a random part of them as anchors: rows
    ``batch``; ``all`` are all nodes either way. With ``data.fanout`` a batch has a graph of its own, the sampled
    surroundings of its nodes: ``batch`` are these nodes, drawn uniformly, and ``all`` those around them too, which are
    negatives only of a term that asks for them. Without labels there is training and nothing is judged.

    Metrics: those of the probe; with several splits their mean, and ``.../std`` over the splits.
    """

    rows: ClassVar[tuple[str, ...]] = ("batch", "all")
    types: ClassVar[tuple[str, ...]] = ()
    data_part: ClassVar[str] = "node_graph"
    monitor: ClassVar[str] = "accuracy"
    can_judge: ClassVar[tuple[str, ...]] = ("classes", "links")
    keeps_apart = True

    def __init__(
        self,
        probe: str = "linear",
        probe_options: dict[str, Any] | None = None,
        splits: Index = 1,
        baselines: Sequence[str] = ("majority_class", "raw_features", "propagated_features"),
        random_encoder: bool = True,
        *,
        data: NodeGraph,
    ) -> None:
        """
        Args:
            probe: What judges the frozen embeddings (graphcl list probes).
            probe_options: Options of the probe.
            splits: Random splits, or given ones, over which metrics are averaged; 0: all that came with the data.
            baselines: Names of the baselines beside the result.
            random_encoder: Whether the recipe's own encoder with its initial weights stands beside them.
            data: The graph.

        Raises:
            UserError: an unknown probe or baseline, a split that cannot be used, or links that were not held out.
        """
        self.data = data
        self.probe, options = build_probe(probe, probe_options)
        self.protocol = NodeProtocol(data, probe, options, self.probe.needs, splits)
        self.has_validation = self.judges = self.protocol.unjudged == ""
        self.hops = len(data.fanout)
        self._sampled = SampledNodes(data.graph, data.fanout) if data.fanout else None
        self.random_encoder = random_encoder and self.has_validation
        self._baselines = build_embedded(baselines, "node")
        self._chosen: dict[str, dict[str, Any]] = {}

    @property
    def metric_names(self) -> tuple[str, ...]:
        """What :meth:`evaluate` returns, spreads left out."""
        return self.probe.metrics

    @property
    def num_nodes(self) -> int:
        """N."""
        return int(self.data.graph.num_nodes or 0)

    @property
    def graphs(self) -> Mapping[str, Graph]:
        """The one training graph: features and edges."""
        return {"graph": self.data.graph}

    @property
    def train_labels(self) -> Mapping[str, Tensor]:
        """``""`` -> [N] int64, the class of each training node, -1 of every other: for methods with supervision.

        Raises:
            UserError: there are no labels, or several splits, of which one's training nodes are another's test nodes.
        """
        splits = self.protocol.splits
        if len(splits) != 1:
            why = "eval.splits must be 1: a training node of one split is a test node of another"
            raise UserError(f"labels of training nodes: {why if splits else 'the nodes have no labels to train on'}")
        train, labels = splits[0].train, self.data.labels
        known = labels.index_select(0, train)
        return {"": torch.full_like(labels, -1).index_copy_(0, train, known)}

    def num_batches(self, batch_size: int) -> int:
        """Batches of an epoch; 0 takes all nodes at once."""
        return -(-self.num_nodes // batch_size) if batch_size else 1

    def batches(
        self, batch_size: int, *, generator: torch.Generator, start: int = 0, classes: Tensor | None = None
    ) -> Iterable[Batch]:
        """One batch of all nodes in order, or a fresh random partition of them.

        Surroundings are drawn by the number of the batch, so that they do not depend on where the epoch is entered.
        """
        every = torch.arange(self.num_nodes)
        full = batch_size == 0 or batch_size >= self.num_nodes
        dealt = [every] if full else partition(every, batch_size, generator=generator, classes=classes)
        for number, ids in enumerate(dealt[start:], start):
            if self._sampled is None:
                yield Batch(ids=ids, rows={"batch": ids, "all": every}, targets=ids.numel())
            else:
                draw = make_generator(generator.initial_seed(), "neighbours", number)
                yield self._sampled.batch(ids, generator=draw)

    def evaluate(self, embeddings: Mapping[str, Tensor], split: Split, *, seed: int) -> dict[str, float]:
        """Fit the probe on the training part of every split and judge it on ``split``; {} where nothing can judge.

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
        cases = self.protocol.cases(x.detach().cpu())
        return average([probe.judge(case, split, seed=seed) for case in cases])

    def baselines(self, *, seed: int) -> dict[str, dict[str, float]]:
        """Test metrics of each baseline, in the setting that does best on validation (the first of equals).

        A baseline with a probe of its own is left out where that measures something else than the task's.
        """
        if not self.has_validation:
            return {}
        return {
            name: self._baseline(name, baseline, probe, seed)
            for name, baseline, probe in comparable(self._baselines, self.probe)
        }

    def _baseline(self, name: str, baseline: EmbeddedBaseline, probe: Probe, seed: int) -> dict[str, float]:
        best, tried, monitor = None, 0, probe.metrics[0]
        # One setting after the other: of wide features two hardly fit in memory.
        for settings, x in baseline.embeddings(self.data.graph, seed=derive(seed, "baseline", name)):
            tried += 1
            value = self._judge(x, probe, "valid", seed)[monitor]
            if best is None or value > best[0]:
                best = value, settings, x
        if best is None:
            raise UserError(f"baseline {name!r} has no settings to choose from")
        value, settings, x = best
        self._chosen[name] = {"settings": dict(settings), f"valid_{monitor}": value, "tried": tried}
        return self._judge(x, probe, "test", seed)

    def describe(self) -> dict[str, Any]:
        """Protocol (also in one line), what was read and decided, sizes and hash of every split."""
        return {"task": "node", "nodes": self.num_nodes, **self.protocol.record(), "baselines": self._chosen}
