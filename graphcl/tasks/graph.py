"""Graphs with classes: batches of whole graphs, judged by a probe in a cross-validation."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from graphcl.core.errors import NonFiniteError, UserError
from graphcl.core.options import Count, Index
from graphcl.core.registry import register
from graphcl.core.seeds import derive
from graphcl.core.words import counted
from graphcl.data.graph_sets.graph_set import FEWEST_FOLDS, GraphSet
from graphcl.data.graphs.splits import NodeSplit
from graphcl.encode.base import Graph
from graphcl.tasks.base import Batch, Split
from graphcl.tasks.baselines.embedded import EmbeddedBaseline, build_embedded, check_reads, comparable
from graphcl.tasks.graph_folds import (
    Fold,
    case_of,
    check_folds,
    check_needs,
    first_of_each,
    fold_in_time,
    folds_protocol,
    given_fold,
    given_protocol,
    group_folds,
    without_group,
)
from graphcl.tasks.partition import partition
from graphcl.tasks.probes.base import Probe, average, build_probe

Folds = Annotated[int, Field(ge=FEWEST_FOLDS)]


@register(
    "task",
    "graph",
    example={"folds": 3, "probe_options": {"grid": [1.0]}},
    rows=("batch",),
    types=(),
    data="graph_set",
    monitor="accuracy",
)
class GraphTask:
    """Graph classification by a probe in a stratified cross-validation, the protocol of Sun et al. (ICLR 2020).

    Training sees all graphs without labels, for a number of epochs fixed beforehand: nothing is held out to choose
    it. Then for each fold a probe is fitted on the other folds, its own settings chosen by a cross-validation among
    those, and judged on the fold.

    Where graphs are windows of one series (``data.kind=window_set``), they have no classes: a probe forecasts what
    comes after them (``eval.probe=forecast``), and training sees windows of the training part alone.

    Where the data has a training and a test part, training sees no graph of the test part, and one probe, fitted on
    the training part, is judged on it.

    A batch carries its graphs (``graph``), so latents of level ``graphs`` have one row a graph, also of graphs that an
    augmenter left without an edge.

    Metrics: those of the probe, the mean over folds (and repeats), and ``.../std`` over the same.
    """

    rows: ClassVar[tuple[str, ...]] = ("batch",)
    types: ClassVar[tuple[str, ...]] = ()
    data_part: ClassVar[str] = "graph_set"
    has_validation = False
    keeps_apart = True
    monitor: ClassVar[str] = "accuracy"
    can_judge: ClassVar[tuple[str, ...]] = ("classes", "future")

    def __init__(
        self,
        probe: str = "svm",
        probe_options: dict[str, Any] | None = None,
        folds: Folds = 10,
        repeats: Count = 1,
        baselines: Sequence[str] = ("majority_graph", "pooled_features", "wl_histogram"),
        random_encoder: bool = True,
        split: Literal["auto", "given", "folds", "groups"] = "auto",
        hold_out: str = "",
        shots: Index = 0,
        *,
        data: GraphSet,
    ) -> None:
        """
        Args:
            probe: What judges the frozen embeddings (graphcl list probes).
            probe_options: Options of the probe.
            folds: Of the cross-validation.
            repeats: How often the graphs are dealt into folds anew.
            baselines: Names of the baselines beside the result.
            random_encoder: Whether the recipe's own encoder with its initial weights stands beside them.
            split: By the parts that the data gives, by folds of all graphs, by the parts where there are any, or by
                groups of the data (speakers, say), each left out once.
            hold_out: Name of a group of the data that is the test part, of which training sees nothing.
            shots: Labelled graphs of each class, and of each group of it, that the probe is fitted on, the first
                ones; 0 takes all.
            data: The labelled graphs.

        Raises:
            UserError: no parts where they are asked for, or one without labels; an unknown probe or baseline, a probe
                of what these graphs do not have, a class with fewer graphs than folds, or folds that the probe cannot
                judge.
        """
        self.data, labelled, future = data, bool((data.labels >= 0).any()), data.future
        if split == "given" and data.split is None:
            raise UserError(f"eval.split: {data.report.source} has no training and test part; take folds")
        self._given = None if split in ("folds", "groups") else data.split
        if hold_out:
            self._given = without_group(data, hold_out)
        self._by_groups, self._shots = split == "groups", shots
        self.judges = labelled or (future is not None and data.split is not None)
        self.random_encoder = random_encoder and self.judges
        self.probe, options = build_probe(probe, probe_options)
        if self.judges or future is None:
            check_needs(probe, self.probe.needs, "classes" if future is None else "future")
        self._judged_by = {"probe": probe, "probe_options": options, **_set(hold_out=hold_out, shots=shots)}
        # All are drawn now: folds that cannot be dealt end the run before training, not after it.
        self._folds: list[list[Tensor]] = []
        if labelled and self._given is None:
            self._folds = [group_folds(data)] if self._by_groups else [data.folds(folds, n) for n in range(repeats)]
        self._parts = [given_fold(data.labels, self._given, data.seed)] if labelled and self._given else []
        if future is not None and self.judges:
            self._parts = [fold_in_time(data, split, shots)]
        self._baselines = build_embedded(baselines, "graph")
        if self.judges:
            check_folds(self.probe, data, self._each_fold())
            check_reads(self._baselines, self.graphs["graph"], data.packed)
        self._chosen: dict[str, dict[str, int]] = {}

    @cached_property
    def target_of(self) -> Tensor | None:
        """[G] classes of the training part, -1 for all other graphs; None where the data has no parts."""
        if self._given is None:
            return None
        return torch.full_like(self.data.labels, -1).index_copy_(
            0, self._given.train, self.data.labels.index_select(0, self._given.train)
        )

    @property
    def metric_names(self) -> tuple[str, ...]:
        """What :meth:`evaluate` returns, spreads left out."""
        return self.probe.metrics

    @property
    def num_examples(self) -> int:
        """How many graphs there are, of whatever part."""
        return len(self.data)

    @cached_property
    def graphs(self) -> Mapping[str, Graph]:
        """Graphs that training sees as one batch; some of them where they are made when they are read."""
        return {"graph": self.data.sample(self.training_ids)}

    @cached_property
    def training_ids(self) -> Tensor:
        """Numbers of the graphs that training sees."""
        if self.data.seen is not None:
            return self.data.seen
        if self._given is None:
            return torch.arange(len(self.data))
        return torch.cat([self._given.train, self._given.valid]).sort().values

    def num_batches(self, batch_size: int) -> int:
        """Batches of an epoch; 0 takes all graphs at once.

        Raises:
            UserError: there is a single graph.
        """
        if len(self.training_ids) < 2:
            raise UserError(
                f"{self.data.report.source}: there is one graph, and nothing to contrast it with; give two or more "
                "(the nodes of one graph are contrasted by recipes of the task node)"
            )
        return -(-len(self.training_ids) // batch_size) if batch_size else 1

    def batches(
        self, batch_size: int, *, generator: torch.Generator, start: int = 0, classes: Tensor | None = None
    ) -> Iterable[Batch]:
        """A random partition of the graphs; see :func:`graphcl.tasks.partition.partition`."""
        for ids in partition(self.training_ids, batch_size, generator=generator, classes=classes)[start:]:
            yield self._batch(ids)

    def examples(self, split: Split, batch_size: int = 256) -> Iterator[Batch]:
        """All graphs in order, whatever the split: which of them judge, the folds say."""
        for ids in torch.arange(len(self.data)).split(batch_size):
            yield self._batch(ids)

    def training_examples(self, batch_size: int = 256) -> Iterator[Batch]:
        """All graphs that training sees, in order."""
        for ids in self.training_ids.split(batch_size):
            yield self._batch(ids)

    def records(self, ids: Tensor) -> Mapping[str, Graph]:
        """These graphs."""
        return {"graph": self.data.packed.batch(ids)}

    def _batch(self, ids: Tensor) -> Batch:
        rows = {"batch": torch.arange(ids.numel())}
        return Batch(ids, rows, self.records(ids), targets=ids.numel())

    def evaluate(self, embeddings: Mapping[str, Tensor], split: Split, *, seed: int) -> dict[str, float]:
        """Cross-validate the probe; {} where there are no labels.

        Args:
            embeddings: ``graph`` -> [G, d], in the order of the graphs.
            split: ``test`` judges each fold by the probe of all others; ``valid`` judges the fold after it by the
                probe of those that are left, so that nothing of the fold itself is used.
            seed: Of the probe.

        Raises:
            NonFiniteError: an embedding is NaN or infinite.
        """
        x = self._checked(embeddings["graph"])
        return average([self._on_fold(x, self.probe, fold, split, seed) for fold in self._each_fold()])

    def _checked(self, x: Tensor) -> Tensor:
        if x.shape[0] != len(self.data):
            raise ValueError(f"{x.shape[0]} embeddings for {len(self.data)} graphs")
        if not bool(torch.isfinite(x).all()):
            raise NonFiniteError("graph embeddings hold NaN or infinite values")
        return x.detach().cpu()

    def _each_fold(self) -> Iterator[Fold]:
        yield from self._parts
        for dealt in self._folds:
            for number, test in enumerate(dealt):
                following = (number + 1) % len(dealt)
                rest = [fold for other, fold in enumerate(dealt) if other not in (number, following)]
                yield Fold(torch.cat(rest), dealt[following], test)

    def _on_fold(self, x: Tensor, probe: Probe, fold: Fold, split: Split, seed: int) -> dict[str, float]:
        parts = fold.judged() if split == "test" else fold.before()
        if self._shots:
            parts = NodeSplit(first_of_each(parts.train, self.data, self._shots), parts.valid, parts.test)
        return probe.judge(case_of(x, self.data, parts), "test", seed=seed)

    def baselines(self, *, seed: int) -> dict[str, dict[str, float]]:
        """Test metrics of each baseline; where it has settings, each fold's are chosen without that fold.

        A baseline with a probe of its own is left out where that measures something else than the task's.
        """
        if not self.judges:
            return {}
        return {
            name: self._baseline(name, baseline, probe, seed)
            for name, baseline, probe in comparable(self._baselines, self.probe)
        }

    @cached_property
    def _every(self) -> Graph:
        return self.data.packed.batch()

    def _baseline(self, name: str, baseline: EmbeddedBaseline, probe: Probe, seed: int) -> dict[str, float]:
        read: Any = self.data.packed if getattr(baseline, "asks", "") else self._every
        made = baseline.embeddings(read, seed=derive(seed, "baseline", name))
        tried = {str(dict(settings)): self._checked(x) for settings, x in made}
        monitor = probe.metrics[0]
        chosen, judged = Counter[str](), []
        for fold in self._each_fold():
            best = next(iter(tried))
            if len(tried) > 1:
                valid = {key: self._on_fold(x, probe, fold, "valid", seed)[monitor] for key, x in tried.items()}
                best = max(valid, key=lambda key: valid[key])
            chosen[best] += 1
            judged.append(self._on_fold(tried[best], probe, fold, "test", seed))
        self._chosen[name] = dict(chosen)
        return average(judged)

    def describe(self) -> dict[str, Any]:
        """Protocol, what was read and decided, sizes and hash of the folds."""
        text = "|".join(",".join(map(str, fold.test.tolist())) for fold in self._each_fold())
        return {
            "task": "graph",
            "graphs": len(self.data),
            "protocol": self._protocol(),
            **self._judged_by,
            "notes": [*self.data.report.lines(), *([] if self.judges else [self._protocol()])],
            "fold_sizes": [fold.numel() for fold in self._folds[0]] if self._folds else [],
            "folds_hash": hashlib.sha256(text.encode()).hexdigest(),
            "data_hash": self.data.report.split_hash,
            "baselines": self._chosen,
        }

    def _protocol(self) -> str:
        if not self.judges:
            return "nothing is judged: the graphs have no labels"
        few = f", fitted on {counted(self._shots, 'graph')} of each class and group" if self._shots else ""
        if self._parts:
            return given_protocol(self._judged_by["probe"] + few, self._parts[0], self._judged_by.get("hold_out", ""))
        return folds_protocol(self._judged_by["probe"] + few, self._folds, self._by_groups)


def _set(**options: Any) -> dict[str, Any]:
    """The options that are set."""
    return {name: value for name, value in options.items() if value}
