"""The data part of graph tasks: graphs to train on, and labels that training cannot see."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphcl.core.errors import UserError
from graphcl.core.options import Count, UserPath
from graphcl.core.registry import register
from graphcl.core.seeds import generator
from graphcl.core.words import counted
from graphcl.data.cards import FromCard
from graphcl.data.graph_sets.build import (
    Features,
    check_graphs,
    check_set,
    describe_set,
    kind_of_features,
    pack_set,
)
from graphcl.data.graph_sets.future import Future
from graphcl.data.graph_sets.locate import locate_set
from graphcl.data.graph_sets.packed import PackedGraphs, hash_of
from graphcl.data.graph_sets.pyg import from_graphs, separate
from graphcl.data.graph_sets.raw import RawGraphSet
from graphcl.data.graphs.match import match_features
from graphcl.data.graphs.roles import GraphSetColumns
from graphcl.data.graphs.splits import NodeSplit, stratified_folds
from graphcl.data.report import DataReport

#: The least that a cross-validation deals: one fold to judge, one that chooses, one to fit on.
FEWEST_FOLDS = 3


@dataclass(frozen=True, eq=False)
class GraphSet:
    """Labelled graphs, with the labels apart.

    Attributes:
        packed: What training sees: the graphs, with node features.
        labels: [G] int64 class of each graph, -1 where it is unknown. Only evaluation reads them.
        seed: Of the folds.
        ids: The user's graph ids in order, or None when graphs are numbered.
        class_names: Name of each class; empty when classes are numbered.
        report: What was read, left out and decided; its ``split_hash`` is that of the graphs and labels.
        features: What node features are made of: ``attributes``, ``categories``, ``degree``, ``constant``.
        feature_names: Name of each column of attributes; empty when they are numbered.
        groups: What else each graph belongs to (a speaker, a person, a project), where the data says so.
        split: Which graphs train, choose and test where the data says so; None: folds are dealt.
    """

    packed: PackedGraphs
    labels: Tensor
    seed: int = 0
    ids: list[str] | None = None
    class_names: list[str] = field(default_factory=list)
    report: DataReport = field(default_factory=DataReport)
    features: str = ""
    feature_names: list[str] = field(default_factory=list)
    split: NodeSplit | None = None
    groups: list[str] | None = None

    def __len__(self) -> int:
        return len(self.packed)

    def sample(self, among: Tensor | None = None) -> Data:
        """See :meth:`GraphSequence.sample`."""
        return self.packed.sample(among)

    @property
    def future(self) -> Future | None:
        """What comes after each graph, where graphs are windows of one series, and forecasts judge; else None."""
        return None

    @property
    def seen(self) -> Tensor | None:
        """Numbers of the graphs that training sees; None: those of the training and validation part, or all."""
        return None

    def folds(self, count: int, repeat: int = 0) -> list[Tensor]:
        """The labelled graphs dealt into ``count`` folds, each class evenly; another deal for each ``repeat``.

        Raises:
            UserError: a class has fewer graphs than there are folds.
        """
        labelled = torch.nonzero(self.labels >= 0).flatten()
        sizes = torch.bincount(self.labels[labelled])
        rare = int(torch.where(sizes > 0, sizes, labelled.numel()).argmin())
        if int(sizes[rare]) < count:
            name = self.class_names[rare] if self.class_names else str(rare)
            told = f"class {name!r} has {counted(int(sizes[rare]), 'graph')}, fewer than the {count} folds"
            enough = int(sizes[rare]) >= FEWEST_FOLDS
            least = "lower it" if enough else f"give it {FEWEST_FOLDS} or more, or leave it out"
            raise UserError(f"eval.folds: {told}; {least}")
        draw = generator(self.seed, "folds", count, repeat)
        return [labelled[fold] for fold in stratified_folds(self.labels[labelled], count, generator=draw)]

    def save(self, folder: Path) -> None:
        """Write to a new folder, whole or not at all.

        Raises:
            UserError: the folder exists, or cannot be written.
        """
        from graphcl.data.graph_sets.storage import save_graph_set

        save_graph_set(self, folder)


@register("data", "graph_set", example={"name": "atlas"})
class GraphSetData(FromCard):
    """Graphs that have a class each.

    By name: ``atlas`` (small graphs that ship with networkx; offline), a data card (``mutag``, ``proteins``, ``nci1``,
    ``imdb-binary``), or ``pyg:CLASS/NAME`` for a graph set of torch_geometric. By path: a folder with the text files of
    a TU set, or with ``graphs.csv`` (``id``, ``label``), ``nodes.csv`` (``id``, ``graph``, numeric features) and
    ``edges.csv`` (``source``, ``target``); ``.tsv`` and ``.parquet`` alike.
    """

    part = "graph_set"

    def __init__(
        self,
        name: str = "atlas",
        path: UserPath = "",
        features: Features = "given",
        max_degree: Count = 128,
        directed: bool = False,
        columns: GraphSetColumns = GraphSetColumns(),
        *,
        data_root: Path | None = None,
        given: Any = None,
    ) -> None:
        """
        Args:
            name: Data set: atlas, the name of a card, or pyg:CLASS/NAME.
            path: A folder with a TU set, or with graphs.csv, nodes.csv and edges.csv; wins over name.
            features: Node features: those given (one-hot categories, else attributes; degree where there are neither),
                all of them, one-hot degree, or a constant.
            max_degree: Degrees of this and more share a column.
            directed: Whether edges keep the direction they are given in; else each is mirrored.
            columns: Which columns of tables are the ids, labels, and the ends of edges, where they are not called so.
            data_root: Folder in which named data sets are looked up first.
            given: Graphs in memory, in the place of name and path.
        """
        self.given = given
        self.name, self.path, self.features = name, path, features
        self.max_degree, self.directed, self.data_root = max_degree, directed, data_root
        self.columns = columns

    @staticmethod
    def read(folder: Path) -> GraphSet:
        """The graphs that a run keeps in its folder.

        Raises:
            UserError: not such a folder, damaged, or of another format version.
        """
        from graphcl.data.graph_sets.storage import load_graph_set

        return load_graph_set(folder)

    def load(self, *, seed: int) -> GraphSet:
        """Read, check, clean and pack.

        Args:
            seed: Of the run; draws the folds of evaluation.

        Raises:
            UserError: the data cannot be found or used.
        """
        raw, report = self._raw()
        labels = check_set(raw)
        packed = pack_set(
            raw, features=self.features, max_degree=self.max_degree, directed=self.directed, report=report
        )
        describe_set(packed, labels, report)
        report.split_hash = hash_of(packed.x, packed.edge_index, packed.node_ptr, packed.edge_ptr, labels)
        kind = kind_of_features(raw, self.features)
        names = raw.feature_names if kind == "attributes" else []
        return GraphSet(packed, labels, seed, raw.ids, raw.class_names, report, kind, names)

    def load_unseen(self, trained_on: GraphSet) -> GraphSet:
        """Read graphs to embed with what was trained on others: the same features, no labels.

        Args:
            trained_on: Whose features the new graphs must have.

        Raises:
            UserError: the data cannot be found or used, or has other features.
        """
        raw, report = self._raw()
        raw.y = None if raw.ids is not None or raw.y is None else torch.full_like(raw.y, -1)
        check_graphs(raw)
        kind, width = kind_of_features(raw, self.features), trained_on.packed.x.shape[1]
        if "categories" in trained_on.features:
            raise UserError(
                "the run was trained on node categories, which are numbered anew in each set of files, so that those "
                "of other graphs mean something else; train with numeric features, or data.features=degree"
            )
        if kind != trained_on.features:
            raise UserError(
                f"{raw.source}: the features are {kind}, the run was trained on {trained_on.features} "
                f"({counted(width, 'column')})"
            )
        if kind == "attributes":
            raw.attributes = match_features(
                raw.attributes, raw.feature_names, raw.source,
                names=trained_on.feature_names, width=width, report=report,
            )  # fmt: skip
        options = {"features": self.features, "max_degree": self.max_degree, "directed": self.directed}
        packed = pack_set(raw, **options, report=report, width=width if kind == "degree" else 0)  # type: ignore[arg-type]
        labels = torch.full((len(packed),), -1)
        describe_set(packed, labels, report)
        return GraphSet(packed, labels, 0, raw.ids, [], report, kind, trained_on.feature_names)

    def _raw(self) -> tuple[RawGraphSet, DataReport]:
        """The graphs in memory, else those of a path or name."""
        if self.given is None:
            return locate_set(self.name, self.path, self.data_root, self.columns)
        several = self.given if isinstance(self.given, list | tuple) else [self.given]
        source = "the given graph" + ("s" if len(several) > 1 else "")
        return from_graphs(separate(several), source), DataReport(source=source, format=type(several[0]).__name__)
