"""A graph in memory, of any library, as a raw graph."""

from __future__ import annotations

from typing import Any

import pandas as pd
import torch
from torch import Tensor
from torch_geometric.data import Data, HeteroData

from graphcl.core.errors import UserError
from graphcl.core.words import counted
from graphcl.data.graphs.raw import RawGraph
from graphcl.data.graphs.tables import label_codes
from graphcl.graph import as_graph

_MASKS = {"train": ("train_mask",), "valid": ("val_mask", "valid_mask"), "test": ("test_mask",)}
#: What a node task reads of a graph, or what only numbers its parts.
_READ = {"edge_index", "x", "y", "edge_weight", "ids", "text", "num_nodes", "batch", "ptr"}.union(*_MASKS.values())


def read_given(graph: Any) -> tuple[RawGraph, list[str]]:
    """The raw form of a graph that a program holds, and a sentence for what of it is not read.

    Args:
        graph: Whatever :func:`graphcl.graph.as_graph` takes; read are ``x``, ``y``, ``edge_weight``, ``ids``,
            ``text`` (a list of strings) and the masks ``train_mask``, ``val_mask``, ``test_mask``.

    Raises:
        UserError: several types of nodes, no ``edge_index``, or labels that are not one class a node.
    """
    if isinstance(graph, list | tuple):
        raise UserError(
            f"the node task trains on one graph, and {counted(len(graph), 'graph')} are given; join them by "
            "torch_geometric.data.Batch.from_data_list, or take a recipe for sets of graphs (graphcl, infograph)"
        )
    data = as_graph(graph)
    raw = raw_of(data, "the given graph")
    unread = sorted(set(data.keys()) - _READ)
    return raw, [f"not read of the given graph: {', '.join(unread)}"] if unread else []


def raw_of(data: Data | HeteroData, source: str) -> RawGraph:
    """The parts of a ``torch_geometric`` graph that a node task reads.

    Raises:
        UserError: see :func:`read_given`; ``source`` names the graph.
    """
    if isinstance(data, HeteroData):
        raise UserError(
            f"{source} has {len(data.node_types)} types of nodes; the node task needs one (HeteroData.to_homogeneous())"
        )
    edges = given_edges(data, source)
    if data.num_nodes is None:
        raise UserError(f"{source} has no num_nodes and no x to count its nodes by; set num_nodes")
    ids = data.get("ids")
    y, class_names = _classes(data.y, int(data.num_nodes), source)
    return RawGraph(
        edge_index=edges,
        num_nodes=int(data.num_nodes),
        x=given_features(data.x, source),
        y=y,
        masks=_masks(data, source),
        ids=None if ids is None else [str(name) for name in ids],
        edge_weight=data.get("edge_weight"),
        class_names=class_names,
        text=_texts(data, source),
        source=source,
    )


def _texts(data: Data, source: str) -> list[str] | None:
    texts = data.get("text")
    if texts is not None and not (isinstance(texts, list | tuple) and all(isinstance(text, str) for text in texts)):
        raise UserError(f"{source} has a text that is {_told(texts)}; give a list of strings, one a node")
    return None if texts is None else list(texts)


def given_edges(data: Data, source: str) -> Tensor:
    """[2, E] int64.

    Raises:
        UserError: there are none of that form; ``source`` names the graph.
    """
    edges = data.get("edge_index")
    if edges is None:
        others = [name for name in ("adj_t", "adj") if name in data]
        instead = f", but {' and '.join(others)}, which is not read" if others else ""
        raise UserError(f"{source} has no edge_index [2, E]{instead}")
    whole = isinstance(edges, Tensor) and not (edges.is_floating_point() or edges.is_complex())
    # No edges at all are often written as an empty tensor of whatever type.
    if not isinstance(edges, Tensor) or edges.dim() != 2 or edges.shape[0] != 2 or not (whole or not edges.numel()):
        raise UserError(f"{source} has an edge_index that is {_told(edges)}; give whole numbers [2, E]")
    return edges.long()


def given_features(x: Any, source: str) -> Tensor | None:
    """[N, F] float32, or None.

    Raises:
        UserError: they are something else; ``source`` names the graph.
    """
    if x is None:
        return None
    if not isinstance(x, Tensor) or x.dim() != 2 or x.is_complex():
        raise UserError(f"{source} has features that are {_told(x)}; give real numbers [nodes, features]")
    return (x if x.layout == torch.strided else x.to_dense()).to(torch.float32)


def _classes(y: Any, num_nodes: int, source: str) -> tuple[Tensor | None, list[str]]:
    """[N] classes, and their names where they are given by name (as networkx does)."""
    if y is None:
        return None, []
    if isinstance(y, list) and len(y) == num_nodes and all(isinstance(name, str) for name in y):
        return label_codes(pd.Series(y, dtype=object), source)
    whole = isinstance(y, Tensor) and not (y.is_floating_point() or y.is_complex())
    if not whole or y.numel() != num_nodes:
        raise UserError(
            f"{source} has labels that are {_told(y)}; the node task needs one class a node, a whole number "
            "(-1: unknown), or no labels"
        )
    return y.flatten().long(), []


def _told(value: Any) -> str:
    """The shape and type of a tensor; of anything else the type."""
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)}"
    uneven = ", of unequal lengths or no numbers" if isinstance(value, list) else ""
    return f"a {type(value).__name__}{uneven}"


def _masks(data: Data, source: str) -> dict[str, Tensor]:
    found = {part: next((data[n] for n in names if n in data), None) for part, names in _MASKS.items()}
    present = {part: mask for part, mask in found.items() if mask is not None}
    if len(present) < len(found):
        return {}
    for part, mask in present.items():
        if mask.shape[0] != data.num_nodes:
            raise UserError(f"{source}: {part}_mask has {mask.shape[0]} rows for {data.num_nodes} nodes")
    return {part: mask.reshape(mask.shape[0], -1).bool() for part, mask in present.items()}
