"""What a task yields and what it can judge. A task knows nothing of methods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

import torch
from torch import Tensor

from graphcl.encode.base import Graph

Split = Literal["valid", "test"]


@dataclass
class Batch:
    """One step's examples.

    Attributes:
        ids: [B] global example (or node) indices.
        rows: name of a row set -> positions within a node type, or node type -> positions where
            the name means something for several types (``batch`` of ``user`` and of ``item``).
        graphs: record field -> the batch's own graph (a ``torch_geometric`` ``Batch``); empty where
            views are taken of the task's full graphs.
        nodes: [n] the node of the task's full graph that each node of the batch's one graph is; None where positions
            are what they are called.
        targets: how many prediction targets the batch holds (for budgets).
        shares: row set of sampled rows -> how likely one draw was to give each of them: [n] where they were drawn for
            all of the batch, [B, K] where K of them were drawn for each of B targets.
    """

    ids: Tensor
    rows: Mapping[str, Tensor | Mapping[str, Tensor]] = field(default_factory=dict)
    graphs: Mapping[str, Graph] = field(default_factory=dict)
    targets: int = 0
    nodes: Tensor | None = None
    shares: Mapping[str, Tensor] = field(default_factory=dict)


class Embeddings(Protocol):
    """What left the recipe (``embed``): node type (or "") -> [N, d], without gradient."""

    def __getitem__(self, node_type: str) -> Tensor: ...


class Task(Protocol):
    """Constructor: the options of the recipe's ``eval`` block, then keyword-only ``data`` (the built data part).

    Class attributes:
        rows: the row sets a batch carries, for checking addresses before any data is read.
        types: node types; empty for homogeneous graphs.
        data_part: registered name of the data part this task reads.
        monitor: the default of ``train.monitor``; larger is better.

    Optional attributes:
        random_encoder: whether the recipe's own parts with their initial weights are judged beside the result.
        judges: whether there is anything to judge by (absent: yes); labels may be missing.
        ahead: rows whose targets are later nodes of the graph that is read -> the setting under which they are not;
            a tower that is not ``causal`` may not be read there.
        lacking: rows that batches do not have under the settings of the data -> the setting under which they do.
        embedded_by: options that change what is embedded for the evaluation (absent: none).
        hops: how far the graph of a batch reaches around its nodes, where it is a sampled piece; such a graph is
            embedded some nodes at a time (absent or 0: batches see the whole graph).
        training_ids: numbers of the training examples, where they have graphs of their own.
        num_examples: how many examples there are, numbered from 0, where they have graphs of their own.
        max_len: nodes of the longest record that is ever read, which towers with a limit of their own must reach.
        keeps_apart: whether ``batches`` takes ``classes``, a table [N] by the numbers of the examples (absent: no); no
            batch then holds two examples of one class, -1 being none.
        can_judge: of the class, what a probe may need here (``classes``, ``links``, ``future``), where it has probes.
        metrics: of the class, the names of what ``evaluate`` returns where they are always the same; one that ends in
            ``@`` is there for each of `eval.k`. So ``check`` knows them.
        metric_names: what ``evaluate`` returns, so that a wrong ``train.monitor`` is refused before training.
    """

    rows: ClassVar[tuple[str, ...]]
    types: ClassVar[tuple[str, ...]]
    data_part: ClassVar[str]
    monitor: ClassVar[str]

    #: whether anything is held out for choosing the best epoch
    has_validation: bool

    @property
    def graphs(self) -> Mapping[str, Graph]:
        """Record field -> full training graph; the field of a task with one graph is ``graph``."""
        ...

    def num_batches(self, batch_size: int) -> int:
        """Batches of an epoch; a size of 0 takes all examples at once."""
        ...

    def batches(self, batch_size: int, *, generator: torch.Generator, start: int = 0) -> Iterable[Batch]:
        """The batches of one epoch from number ``start`` on: the same ones, whatever ``start`` is."""
        ...

    def evaluate(self, embeddings: Mapping[str, Tensor], split: Split, *, seed: int) -> dict[str, float]:
        """Metrics without the split's prefix (``recall@20``). The test split is read here and nowhere else."""
        ...

    def baselines(self, *, seed: int) -> dict[str, dict[str, float]]:
        """Baseline -> test metrics, their own settings chosen on validation."""
        ...

    def describe(self) -> dict[str, Any]:
        """Protocol, counts and split hash, written to the run; ``protocol`` says it in one line where it can."""
        ...


class RecordTask(Task, Protocol):
    """A task whose batches carry graphs of their own (``Batch.graphs``), so that the engine embeds records, not nodes.

    ``evaluate`` then receives record field -> [n, d], rows in the order of ``examples``, and beside them the embedding
    tables of the tower, node type -> [N, d]. Tasks of one full graph do not have ``examples``, and its presence is how
    the engine tells the two apart.
    """

    def records(self, ids: Tensor) -> Mapping[str, Graph]:
        """Record field -> the graphs of these training examples; for sources that pair whole examples."""
        ...

    def examples(self, split: Split) -> Iterable[Batch]:
        """The records of a split, each once, in a fixed order."""
        ...

    def training_examples(self) -> Iterable[Batch]:
        """Every training example once, in the order of their numbers; for states that read all of them."""
        ...
