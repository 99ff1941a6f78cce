"""The data part of node tasks: from a name or a path to a :class:`~graphcl.data.graphs.labelled.NodeGraph`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.options import Index, Positive, Probability, UserPath
from graphcl.core.registry import register
from graphcl.core.seeds import generator
from graphcl.data.cards import FromCard
from graphcl.data.graphs.build import (
    Features,
    assemble,
    check_parts,
    check_raw,
    clean_edges,
    node_features,
    row_normalize,
)
from graphcl.data.graphs.given import read_given
from graphcl.data.graphs.labelled import NodeGraph, SplitBy, split_record
from graphcl.data.graphs.links import edge_positions, hold_out_links
from graphcl.data.graphs.locate import locate
from graphcl.data.graphs.match import match_features
from graphcl.data.graphs.raw import RawGraph
from graphcl.data.graphs.roles import GraphColumns
from graphcl.data.graphs.splits import NodeSplits
from graphcl.data.graphs.texts import text_features
from graphcl.data.readers import ReadOptions
from graphcl.data.readers.sniff import as_separator
from graphcl.data.report import DataReport
from graphcl.data.text import known_encoding
from graphcl.data.text_encoders import TextEncoder, TextOptions


@dataclass(frozen=True)
class NodeSplitOptions:
    """How labelled nodes are split for the probe.

    Args:
        by: `random` draws it from the run's seed; `public` takes the published split of a named data set;
            `given` takes the masks of your file.
        ratios: Shares of train, valid and test of a random split.
        stratified: Whether each class keeps its share in every part of a random split.
        index: Number of the split, from 0, where several are drawn or given.
        edges: Shares of the edges that training does not see, for validation and test of the probe `link`; [0, 0]
            shows it all.
    """

    by: SplitBy = "random"
    ratios: Annotated[list[Positive], Field(min_length=3, max_length=3)] = field(
        default_factory=lambda: [0.1, 0.1, 0.8]
    )
    stratified: bool = False
    index: Index = 0
    edges: Annotated[list[Probability], Field(min_length=2, max_length=2)] = field(default_factory=lambda: [0.0, 0.0])


@register("data", "node_graph", example={"name": "karate"})
class NodeGraphData(FromCard):
    """A graph whose nodes may have classes.

    By name: ``karate`` (Zachary 1977, in networkx; offline), ``python-stdlib`` (the docstrings and imports of the
    running Python's library; offline), a data card (``cora``, ``citeseer``, ``photo``, ...),
    or ``pyg:CLASS/NAME`` for any node data set of torch_geometric. By path: a ``.npz``, a ``.graphml``, a folder with
    ``nodes.csv`` and ``edges.csv``, or these two as ``nodes.csv,edges.csv``; ``.tsv``, ``.parquet`` and ``.jsonl``
    alike; or a folder with the arrays of the ``.npz`` each in a ``.npy``, whose float32 features stay on disk.
    """

    ships: ClassVar[tuple[str, ...]] = ("python-stdlib",)

    part = "node_graph"

    def __init__(
        self,
        name: str = "karate",
        path: UserPath = "",
        split: NodeSplitOptions = NodeSplitOptions(),
        features: Features = "given",
        text: TextOptions = TextOptions(),
        normalize_features: bool = False,
        directed: bool = False,
        separator: str = "",
        encoding: str = "utf-8",
        columns: GraphColumns = GraphColumns(),
        fanout: list[Index] | None = None,
        *,
        data_root: Path | None = None,
        given: Any = None,
    ) -> None:
        """
        Args:
            name: Data set: karate, python-stdlib, the name of a card, or pyg:CLASS/NAME.
            path: A .npz (x, edge_index or adj_*, y or none), a .graphml, a folder with nodes.csv and edges.csv, these
                two with a comma between them (.tsv, .parquet and .jsonl alike), or a folder with x.npy and
                edge_index.npy; wins over name.
            split: How labelled nodes are split for the probe.
            features: Node features: those given (of the texts where there are only texts, identity where there is
                neither), text, identity, or degree.
            text: How the texts of nodes (a column text of nodes.csv) become features.
            normalize_features: Whether each row of features is divided by its sum.
            directed: Whether edges keep the direction they are given in; else each is mirrored.
            separator: Between columns of tables: comma, tab, semicolon, pipe, space or one character; empty finds out.
            encoding: Of tables in text files.
            columns: Which columns of tables are the ids, texts, labels, and the ends of edges, where they are not
                called so.
            fanout: Neighbours drawn of each node around a batch's, hop after hop (0: all), as in [10, 10], where the
                graph is too large to be encoded at every step; empty encodes the whole graph.
            data_root: Folder in which named data sets are looked up first.
            given: A graph in memory, in the place of name and path.
        """
        self.given = given
        self.read_options = ReadOptions(as_separator(separator) if separator else "", known_encoding(encoding))
        self.name, self.path, self.split = name, path, split
        self.features, self.normalize_features, self.directed = features, normalize_features, directed
        self.text, self.columns = text, columns
        self.data_root, self.fanout = data_root, list(fanout or [])

    @staticmethod
    def read(folder: Path) -> NodeGraph:
        """The graph that a run keeps in its folder.

        Raises:
            UserError: not such a folder, damaged, or of another format version.
        """
        from graphcl.data.graphs.storage import load_node_graph

        return load_node_graph(folder)

    def load(self, *, seed: int) -> NodeGraph:
        """Read, check, clean and split.

        Args:
            seed: Of the run; draws a random split.

        Raises:
            UserError: the data cannot be found or used, or has no such split.
        """
        raw, report = self._raw()
        labels = check_raw(raw)
        (edge_index, weight), links = clean_edges(raw, self.directed, report), None
        if any(self.split.edges):
            draw = generator(seed, "link_split", self.split.index)
            whole = edge_index
            edge_index, links = hold_out_links(whole, raw.num_nodes, self.split.edges, generator=draw)
            weight = None if weight is None else weight[edge_positions(edge_index, whole, raw.num_nodes)]
            sizes = ", ".join(f"{part} {size:,}" for part, size in links.sizes().items())
            report.note(f"edges held out of training: {sizes}, with as many non-edges (hash {links.digest()[:12]})")
        x, encoder = self._features(raw, edge_index, report)
        graph = assemble(x, edge_index, raw, labels, report, weight)
        option = self.split
        splits = NodeSplits(option.by, labels, raw.masks, option.ratios, option.stratified, option.index, seed)
        splits.require_masks(raw.source)
        if bool((labels >= 0).any()):
            report.split, report.split_hash = split_record(splits), splits.at(0, to_judge=False).digest()
            if option.by == "random" and raw.masks and (self.path or self.given is not None):
                report.note("the data comes with a split, which is not used; data.split.by=given takes it")
        identity = self.features == "identity" or (self.features == "given" and raw.x is None and encoder is None)
        names = raw.feature_names if self.features == "given" else []
        mapped = raw.features_file if raw.x is not None and x.data_ptr() == raw.x.data_ptr() else None
        if mapped is not None:
            report.note(f"features stay on disk ({mapped}); rows are read as they are needed")
        return NodeGraph(
            graph, labels, splits, raw.ids, raw.class_names, report, links, names, identity, self.fanout, mapped,
            encoder,
        )

    def load_unseen(self, trained_on: NodeGraph) -> NodeGraph:
        """Read a graph to embed with what was trained on another one: the same features, no labels, perhaps no edges.

        Args:
            trained_on: Whose features the new graph must have; other columns of a table are not read.

        Raises:
            UserError: the data cannot be found or used, or lacks features.
        """
        if trained_on.identity:
            raise UserError(
                "the run was trained on identity features, one column for each node of its own graph, and a new node "
                "has none of them; train with node features, or with data.features=degree"
            )
        raw, report = self._raw(trained_on.feature_names or None)
        raw = replace(raw, y=None, masks={}, class_names=[])
        check_parts(raw)
        edge_index, weight = clean_edges(raw, self.directed, report)
        if self.features == "given" and trained_on.text_encoder is None:
            names, width = trained_on.feature_names, trained_on.graph.num_features
            raw.x = match_features(raw.x, raw.feature_names, raw.source, names=names, width=width, report=report)
        x, _ = self._features(raw, edge_index, report, trained_on.text_encoder)
        labels = torch.full((raw.num_nodes,), -1)
        graph = assemble(x, edge_index, raw, labels, report, weight)
        splits = NodeSplits("random", labels, {}, self.split.ratios, False, 0, 0)
        return NodeGraph(
            graph, labels, splits, raw.ids, [], report, None, raw.feature_names, text_encoder=trained_on.text_encoder
        )

    def _features(
        self, raw: RawGraph, edge_index: Tensor, report: DataReport, encoder: TextEncoder | None = None
    ) -> tuple[Tensor, TextEncoder | None]:
        """[N, F] of the kind that the options name, and what encodes texts, where that made them."""
        only_texts = self.features == "given" and raw.x is None and raw.text is not None
        if encoder is None and self.features != "text" and not only_texts:
            return node_features(raw, edge_index, self.features, self.normalize_features, report), None
        x, encoder = text_features(raw, self.text, report, encoder)
        return row_normalize(x) if self.normalize_features else x, encoder

    def _raw(self, features: list[str] | None = None) -> tuple[RawGraph, DataReport]:
        """The graph in memory, else that of a path or name; of a table only ``features``, where some are named."""
        if self.given is None:
            return locate(self.name, self.path, self.data_root, self.read_options, features, self.columns)
        raw, notes = read_given(self.given)
        return raw, DataReport(source=raw.source, format=type(self.given).__name__, notes=notes)
