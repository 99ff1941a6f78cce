"""A set of graphs on disk, as a run keeps it: tensors as safetensors, the rest as JSON."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor

from graphcl.data.graph_sets.graph_set import GraphSet
from graphcl.data.graph_sets.packed import PackedGraphs
from graphcl.data.graphs.splits import PARTS, NodeSplit
from graphcl.data.graphs.tensors import read_tensors, sparse_packed, sparse_unpacked, write_tensors
from graphcl.data.report import DataReport

Packed = TypeVar("Packed", bound=PackedGraphs)
_TENSORS = ("edge_index", "node_ptr", "edge_ptr")


def save_graph_set(data: GraphSet, folder: Path) -> None:
    """Write to a new folder, whole or not at all.

    Raises:
        UserError: the folder exists, or cannot be written.
    """
    write_tensors(folder, {**tensors_of(data.packed), **labels_of(data)}, header_of(data))


def tensors_of(packed: PackedGraphs) -> dict[str, Tensor]:
    """The tensors of packed graphs."""
    return {**{name: getattr(packed, name) for name in _TENSORS}, **sparse_packed(packed.x)}


def packed_of(tensors: dict[str, Tensor], kind: type[Packed]) -> Packed:
    """The inverse of :func:`tensors_of`, for a kind of packed graphs."""
    return kind(sparse_unpacked(tensors), *(tensors[name] for name in _TENSORS))


def header_of(data: GraphSet) -> dict[str, Any]:
    """The plain values of a set."""
    plain = ("seed", "ids", "class_names", "features", "feature_names", "groups")
    return {**{name: getattr(data, name) for name in plain}, "report": asdict(data.report)}


def labels_of(data: GraphSet) -> dict[str, Tensor]:
    """Labels and given parts, which training does not see."""
    parts = {} if data.split is None else {f"split.{name}": getattr(data.split, name) for name in PARTS}
    return {"labels": data.labels, **parts}


def load_graph_set(folder: Path) -> GraphSet:
    """Read what :func:`save_graph_set` wrote.

    Raises:
        UserError: not such a folder, damaged, or of another format version.
    """
    return read_tensors(folder, lambda t, header: GraphSet(packed_of(t, PackedGraphs), **fields_of(t, header)))


def fields_of(tensors: dict[str, Tensor], header: dict[str, Any]) -> dict[str, Any]:
    """The fields of a set other than its graphs."""
    split = NodeSplit(*(tensors[f"split.{name}"] for name in PARTS)) if "split.train" in tensors else None
    names = ("seed", "ids", "class_names")
    later = {"features": header.get("features", ""), "feature_names": header.get("feature_names", []),
             "groups": header.get("groups")}  # fmt: skip
    report = DataReport.from_dict(header["report"])
    return {"labels": tensors["labels"], **{n: header[n] for n in names}, "report": report, **later, "split": split}
