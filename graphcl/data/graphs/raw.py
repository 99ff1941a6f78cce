"""What every reader of a node-labelled graph returns, before checks, cleaning and splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor


@dataclass
class RawGraph:
    """A graph as its file states it.

    Attributes:
        edge_index: [2, E] int64, rows source and target; may hold duplicates and self-loops.
        num_nodes: N; nodes without an edge count, the last ones too.
        x: [N, F] float32, or None when the file has no features.
        y: [N] int64 class of each node, -1 where it is unknown; None when the file has no labels.
        masks: ``train``, ``valid``, ``test`` -> [N, R] bool, R splits; empty when the file has none.
        ids: the user's own node ids in row order; None when nodes are numbered.
        class_names: name of each class; empty when classes are numbered.
        feature_names: name of each column of ``x``; empty when they are numbered.
        edge_weight: [E] float32 of the edges, or None.
        text: the text of each node, "" where it has none; None when the file has no texts.
        features_file: where ``x`` lies when it is mapped from disk and not in memory.
        source: where it was read, for messages.
    """

    edge_index: Tensor
    num_nodes: int
    x: Tensor | None = None
    y: Tensor | None = None
    masks: Mapping[str, Tensor] = field(default_factory=dict)
    ids: list[str] | None = None
    class_names: list[str] = field(default_factory=list)
    feature_names: list[str] = field(default_factory=list)
    edge_weight: Tensor | None = None
    text: list[str] | None = None
    features_file: Path | None = None
    source: str = ""

    def name_node(self, node: int) -> str:
        """A node as its user knows it, for messages."""
        return repr(self.ids[node]) if self.ids is not None else str(node)

    def name_feature(self, column: int) -> str:
        """A column of ``x`` as its user knows it, for messages."""
        return repr(self.feature_names[column]) if self.feature_names else str(column)
