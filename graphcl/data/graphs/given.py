"""A graph in memory, of any library, as a raw graph."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data, HeteroData

from graphcl.core.errors import UserError
from graphcl.data.graphs.raw import RawGraph
from graphcl.graph import as_graph

_MASKS = {"train": ("train_mask",), "valid": ("val_mask", "valid_mask"), "test": ("test_mask",)}
#: What a node task reads of a graph, or what only numbers its parts.
_READ = {"edge_index", "x", "y", "edge_weight", "ids", "num_nodes", "batch", "ptr"}.union(*_MASKS.values())


def read_given(graph: Any) -> tuple[RawGraph, list[str]]:
    """The raw form of a graph that a program holds, and a sentence for what of it is not read.

    Args:
        graph: Whatever :func:`graphcl.graph.as_graph` takes; read are ``x``, ``y``, ``edge_weight``, ``ids`` and the
            masks ``train_mask``, ``val_mask``, ``test_mask``.

    Raises:
        UserError: several types of nodes, no ``edge_index``, or labels that are not one class a node.
    """
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
    if "edge_index" not in data or data.edge_index is None:
        raise UserError(f"{source} has no edge_index [2, E]")
    if data.num_nodes is None:
        raise UserError(f"{source} has no num_nodes and no x to count its nodes by; set num_nodes")
    x, y, ids = data.x, data.y, data.get("ids")
    if x is not None and x.layout != torch.strided:
        x = x.to_dense()
    if x is not None and x.dim() != 2:
        raise UserError(f"{source} has features of shape {list(x.shape)}; give [nodes, features]")
    return RawGraph(
        edge_index=data.edge_index.long(),
        num_nodes=int(data.num_nodes),
        x=None if x is None else x.to(torch.float32),
        y=None if y is None else _classes(y, int(data.num_nodes), source),
        masks=_masks(data, source),
        ids=None if ids is None else [str(name) for name in ids],
        edge_weight=data.get("edge_weight"),
        source=source,
    )


def _classes(y: Tensor, num_nodes: int, source: str) -> Tensor:
    if y.is_floating_point() or y.numel() != num_nodes:
        raise UserError(
            f"{source} has labels of shape {list(y.shape)} and type {y.dtype}; the node task needs one class a node, a "
            "whole number (-1: unknown), or no labels"
        )
    return y.flatten().long()


def _masks(data: Data, source: str) -> dict[str, Tensor]:
    found = {part: next((data[n] for n in names if n in data), None) for part, names in _MASKS.items()}
    present = {part: mask for part, mask in found.items() if mask is not None}
    if len(present) < len(found):
        return {}
    for part, mask in present.items():
        if mask.shape[0] != data.num_nodes:
            raise UserError(f"{source}: {part}_mask has {mask.shape[0]} rows for {data.num_nodes} nodes")
    return {part: mask.reshape(mask.shape[0], -1).bool() for part, mask in present.items()}
