"""What node tasks train on: a graph, and labels that training cannot see."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from torch import Tensor
from torch_geometric.data import Data

from graphcl.data.graphs.links import HeldOutLinks
from graphcl.data.graphs.splits import NodeSplits
from graphcl.data.report import DataReport
from graphcl.data.text_encoders import TextEncoder

SplitBy = Literal["random", "public", "given"]


@dataclass(frozen=True, eq=False)
class NodeGraph:
    """A graph, with labels and held-out links apart.

    Attributes:
        graph: What training sees: ``x`` [N, F] and ``edge_index`` [2, E], ``text`` (N strings) where nodes have
            texts, nothing else.
        labels: [N] int64 class of each node, -1 where it is unknown (everywhere, if there are no labels). Only
            evaluation reads them.
        splits: Which labelled nodes train, choose and test a probe.
        ids: The user's node ids in row order, or None when nodes are numbered.
        class_names: Name of each class; empty when classes are numbered.
        report: What was read, left out and decided.
        links: Edges that training does not see; None where it sees all.
        feature_names: Name of each column of ``x``; empty when they are numbered.
        identity: Whether ``x`` only tells the nodes of this graph apart, so that it says nothing of other graphs.
        fanout: Neighbours that a batch draws of each node, hop after hop; empty: batches see the whole graph.
        features_file: Where ``x`` lies when it is mapped from disk.
        text_encoder: What made ``x`` of the texts; None where something else did.
    """

    graph: Data
    labels: Tensor
    splits: NodeSplits
    ids: list[str] | None = None
    class_names: list[str] = field(default_factory=list)
    report: DataReport = field(default_factory=DataReport)
    links: HeldOutLinks | None = None
    feature_names: list[str] = field(default_factory=list)
    identity: bool = False
    fanout: list[int] = field(default_factory=list)
    features_file: Path | None = None
    text_encoder: TextEncoder | None = None

    def with_split(self, by: SplitBy) -> NodeGraph:
        """The same graph under another family of splits.

        Raises:
            UserError: the data comes without a split, or has no labels to split.
        """
        splits = replace(self.splits, by=by)
        splits.require_masks(self.report.source)
        first = splits.at(0)
        report = replace(self.report, split=split_record(splits), split_hash=first.digest())
        return replace(self, splits=splits, report=report)

    def save(self, folder: Path) -> None:
        """Write to a new folder, whole or not at all.

        Raises:
            UserError: the folder exists, or cannot be written.
        """
        from graphcl.data.graphs.storage import save_node_graph

        save_node_graph(self, folder)


def split_record(splits: NodeSplits) -> dict[str, Any]:
    """What the report says of a split."""
    return {"by": splits.by, "index": splits.index, "sizes": splits.at(0, to_judge=False).sizes()}
