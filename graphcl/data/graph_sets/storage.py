"""A set of graphs on disk, as a run keeps it: tensors as safetensors, the rest as JSON."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from graphcl.data.graph_sets.graph_set import GraphSet
from graphcl.data.graph_sets.packed import PackedGraphs
from graphcl.data.graphs.tensors import read_tensors, sparse_packed, sparse_unpacked, write_tensors
from graphcl.data.report import DataReport

_TENSORS = ("edge_index", "node_ptr", "edge_ptr")


def save_graph_set(data: GraphSet, folder: Path) -> None:
    """Write to a new folder, whole or not at all.

    Raises:
        UserError: the folder exists, or cannot be written.
    """
    tensors = {name: getattr(data.packed, name) for name in _TENSORS}
    tensors |= {"labels": data.labels, **sparse_packed(data.packed.x)}
    plain = ("seed", "ids", "class_names", "features", "feature_names")
    header = {**{name: getattr(data, name) for name in plain}, "report": asdict(data.report)}
    write_tensors(folder, tensors, header)


def load_graph_set(folder: Path) -> GraphSet:
    """Read what :func:`save_graph_set` wrote.

    Raises:
        UserError: not such a folder, damaged, or of another format version.
    """
    return read_tensors(folder, _rebuilt)


def _rebuilt(tensors: dict[str, Tensor], header: dict[str, Any]) -> GraphSet:
    packed = PackedGraphs(sparse_unpacked(tensors), *(tensors[name] for name in _TENSORS))
    report = DataReport.from_dict(header["report"])
    features = header.get("features", ""), header.get("feature_names", [])
    return GraphSet(packed, tensors["labels"], header["seed"], header["ids"], header["class_names"], report, *features)
