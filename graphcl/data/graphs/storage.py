"""A node graph on disk, as a run keeps it: tensors as safetensors, the rest as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch_geometric.data import Data

from graphcl.core.errors import UserError
from graphcl.core.files import creating, read_json, write_json
from graphcl.data.graphs.arrays import map_features
from graphcl.data.graphs.links import HeldOutLinks, Links
from graphcl.data.graphs.node_graph import NodeGraph
from graphcl.data.graphs.splits import NodeSplits
from graphcl.data.report import DataReport

VERSION = 1
T = TypeVar("T")


def save_node_graph(data: NodeGraph, folder: Path) -> None:
    """Write to a new folder, whole or not at all. Features that are mostly zeros are stored as their entries,
    and features on disk by where they lie.

    Raises:
        UserError: the folder exists, or cannot be written.
    """
    tensors = {"edge_index": data.graph.edge_index, "labels": data.labels}
    if data.features_file is None:
        tensors |= sparse_packed(data.graph.x)
    tensors |= {f"mask.{part}": mask for part, mask in data.splits.masks.items()}
    if "edge_weight" in data.graph:
        tensors["edge_weight"] = data.graph.edge_weight
    if data.links is not None:
        links = {"valid": data.links.valid, "test": data.links.test}
        tensors |= {f"links.{part}.{name}": pairs for part, pair in links.items() for name, pairs in vars(pair).items()}
    split = {key: value for key, value in vars(data.splits).items() if key not in ("labels", "masks")}
    header = {
        "num_nodes": int(data.graph.num_nodes or 0),
        "split": split,
        "ids": data.ids,
        "class_names": data.class_names,
        "feature_names": data.feature_names,
        "identity": data.identity,
        "report": asdict(data.report),
        "fanout": data.fanout,
        "features_file": None if data.features_file is None else str(data.features_file),
        "features_shape": list(data.graph.x.shape),
    }
    write_stored(folder, tensors, header)


def load_node_graph(folder: Path) -> NodeGraph:
    """Read what :func:`save_node_graph` wrote.

    Raises:
        UserError: not such a folder, damaged, or of another format version.
    """
    return read_stored(folder, _rebuilt)


def write_stored(folder: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Tensors and plain values as a new folder, whole or not at all.

    Raises:
        UserError: the folder exists, or cannot be written.
    """
    with creating(folder) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary / "graph.safetensors")
        write_json(temporary / "data.json", {"version": VERSION, **header})


def read_stored(folder: Path, rebuild: Callable[[dict[str, Tensor], dict[str, Any]], T]) -> T:
    """``rebuild`` of what :func:`write_stored` wrote.

    Raises:
        UserError: not such a folder, damaged, or of another format version.
    """
    header = read_json(folder / "data.json")
    version = header.get("version") if isinstance(header, dict) else None
    if version != VERSION:
        raise UserError(f"{folder} has data format version {version}, this graphcl reads version {VERSION}")
    try:
        return rebuild(load_file(folder / "graph.safetensors"), header)
    except (OSError, SafetensorError, KeyError, TypeError, RuntimeError) as error:
        raise UserError(f"{folder} is damaged: {str(error).splitlines()[0]}") from error


def _rebuilt(tensors: dict[str, Tensor], header: dict[str, Any]) -> NodeGraph:
    labels = tensors["labels"]
    masks = {name.removeprefix("mask."): mask for name, mask in tensors.items() if name.startswith("mask.")}
    mapped = Path(header["features_file"]) if header.get("features_file") else None
    x = sparse_unpacked(tensors) if mapped is None else map_features(mapped, header["features_shape"])
    graph = Data(x=x, edge_index=tensors["edge_index"], num_nodes=header["num_nodes"])
    if "edge_weight" in tensors:
        graph.edge_weight = tensors["edge_weight"]
    splits = NodeSplits(labels=labels, masks=masks, **header["split"])
    report = DataReport.from_dict(header["report"])
    features = header.get("feature_names", []), header.get("identity", False), header.get("fanout", []), mapped
    return NodeGraph(graph, labels, splits, header["ids"], header["class_names"], report, _links(tensors), *features)


def _links(tensors: dict[str, Tensor]) -> HeldOutLinks | None:
    if "links.test.edges" not in tensors:
        return None
    return HeldOutLinks(
        *(Links(tensors[f"links.{p}.edges"], tensors[f"links.{p}.non_edges"]) for p in ("valid", "test"))
    )


def sparse_packed(x: Tensor) -> dict[str, Tensor]:
    """``x``, or its non-zero entries by flat position where that is smaller."""
    entries = x.flatten().nonzero().flatten()
    if 3 * entries.numel() >= x.numel():  # an entry takes 12 bytes, 4 of them its value
        return {"x": x}
    return {"x.entries": entries, "x.values": x.flatten()[entries], "x.shape": torch.tensor(x.shape)}


def sparse_unpacked(tensors: Mapping[str, Tensor]) -> Tensor:
    """The inverse of :func:`sparse_packed`."""
    if "x" in tensors:
        return tensors["x"]
    rows, columns = tensors["x.shape"].tolist()
    x = torch.zeros(rows * columns)
    return x.index_copy_(0, tensors["x.entries"], tensors["x.values"]).view(rows, columns)
