"""A node graph on disk, as a run keeps it: tensors as safetensors, the rest as JSON."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor
from torch_geometric.data import Data

from graphcl.data.graphs.arrays import map_features
from graphcl.data.graphs.labelled import NodeGraph
from graphcl.data.graphs.links import HeldOutLinks, Links
from graphcl.data.graphs.splits import NodeSplits
from graphcl.data.graphs.tensors import read_tensors, sparse_packed, sparse_unpacked, write_tensors
from graphcl.data.graphs.texts import packed_texts, unpacked_texts
from graphcl.data.report import DataReport
from graphcl.data.text_encoders import TextEncoder, TextOptions, restore_text_encoder


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
    if "text" in data.graph:
        tensors |= packed_texts(data.graph.text)
    encoder: dict[str, Any] | None = None
    if data.text_encoder is not None:
        fitted, values = data.text_encoder.state()
        tensors |= {f"encoder.{name}": tensor for name, tensor in fitted.items()}
        encoder = {"options": asdict(data.text_encoder.options), "values": values}
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
        "text_encoder": encoder,
    }
    write_tensors(folder, tensors, header)


def load_node_graph(folder: Path) -> NodeGraph:
    """Read what :func:`save_node_graph` wrote.

    Raises:
        UserError: not such a folder, damaged, or of another format version.
    """
    return read_tensors(folder, _rebuilt)


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
    if (text := unpacked_texts(tensors)) is not None:
        graph.text = text
    features = header.get("feature_names", []), header.get("identity", False), header.get("fanout", []), mapped
    return NodeGraph(
        graph, labels, splits, header["ids"], header["class_names"], report, _links(tensors), *features,
        _text_encoder(tensors, header),
    )


def _text_encoder(tensors: dict[str, Tensor], header: dict[str, Any]) -> TextEncoder | None:
    kept = header.get("text_encoder")
    if kept is None:
        return None
    fitted = {name.removeprefix("encoder."): tensor for name, tensor in tensors.items() if name.startswith("encoder.")}
    return restore_text_encoder(TextOptions(**kept["options"]), fitted, kept["values"])


def _links(tensors: dict[str, Tensor]) -> HeldOutLinks | None:
    if "links.test.edges" not in tensors:
        return None
    return HeldOutLinks(
        *(Links(tensors[f"links.{p}.edges"], tensors[f"links.{p}.non_edges"]) for p in ("valid", "test"))
    )
