"""From a raw graph to what training may see: checks, cleaning, features."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import coalesce, contains_isolated_nodes, is_undirected, remove_self_loops, to_undirected

from graphcl.core.errors import UserError
from graphcl.data.graphs.raw import RawGraph
from graphcl.data.report import DataReport

Features = Literal["given", "identity", "degree"]
#: an identity matrix of more nodes than this is no longer a small thing to train on
MAX_IDENTITY = 20_000


def check_raw(raw: RawGraph) -> Tensor:
    """The labels, -1 everywhere where there are none, after refusing what no node task can use.

    Raises:
        UserError: one class, no edges, an edge to a node that is not there, features that are not finite, lengths
            that do not fit.
    """
    where = raw.source
    if raw.num_nodes == 0 or raw.edge_index.shape[1] == 0:
        raise UserError(f"{where}: the graph has {raw.num_nodes} nodes and no edges; there is nothing to contrast")
    low, high = int(raw.edge_index.min()), int(raw.edge_index.max())
    if low < 0 or high >= raw.num_nodes:
        bad = low if low < 0 else high
        raise UserError(
            f"{where}: an edge names node {bad}, but there are {raw.num_nodes} nodes (0..{raw.num_nodes - 1})"
        )
    for name, values in (("labels", raw.y), ("features", raw.x), *raw.masks.items()):
        if values is not None and values.shape[0] != raw.num_nodes:
            raise UserError(f"{where}: {values.shape[0]} rows of {name} for {raw.num_nodes} nodes")
    labels = torch.full((raw.num_nodes,), -1) if raw.y is None else raw.y
    if labels[labels >= 0].unique().numel() == 1:
        raise UserError(f"{where}: the labelled nodes are all of one class, and there is nothing to tell apart; "
                        "leave the labels out to train without them")
    if raw.x is not None and not bool(torch.isfinite(raw.x).all()):
        node, column = (~torch.isfinite(raw.x)).nonzero()[0].tolist()
        raise UserError(
            f"{where}: feature {column} of node {node} is {raw.x[node, column].item()}; give finite numbers"
        )
    return labels


def clean_edges(raw: RawGraph, directed: bool, report: DataReport) -> Tensor:
    """Edges once each, without self-loops, mirrored unless ``directed``; sorted by source. Says what it changed."""
    edge_index, _ = remove_self_loops(raw.edge_index)
    if loops := raw.edge_index.shape[1] - edge_index.shape[1]:
        report.note(f"self-loops left out (towers add their own): {loops:,}")
    unique = coalesce(edge_index, num_nodes=raw.num_nodes)
    if repeated := edge_index.shape[1] - unique.shape[1]:
        report.note(f"repeated edges left out: {repeated:,}")
    if directed or is_undirected(unique, num_nodes=raw.num_nodes):
        return unique
    mirrored = to_undirected(unique, num_nodes=raw.num_nodes)
    report.note(
        f"{unique.shape[1]:,} edges mirrored to {mirrored.shape[1]:,} directed ones (data.directed=true keeps them)"
    )
    return mirrored


def node_features(raw: RawGraph, edge_index: Tensor, kind: Features, normalize: bool, report: DataReport) -> Tensor:
    """[N, F] float32: the given features, or a stand-in made of the structure; rows summing to 1 if ``normalize``.

    Raises:
        UserError: an identity matrix of very many nodes was asked for.
    """
    if kind == "given" and raw.x is not None:
        x = raw.x.to(torch.float32)
    elif kind == "degree":
        x = _log_degree(edge_index, raw.num_nodes)
        report.note("features: log(1 + degree), one column")
    else:
        if raw.num_nodes > MAX_IDENTITY:
            raise UserError(
                f"{raw.source}: no features, and {raw.num_nodes:,} nodes are too many for identity features; "
                "set data.features=degree"
            )
        x = torch.eye(raw.num_nodes)
        report.note("features: identity, one column a node" + (" (the data has none)" if raw.x is None else ""))
    return row_normalize(x) if normalize else x


def row_normalize(x: Tensor) -> Tensor:
    """Divide each row by the sum of its absolute values; a zero row stays zero."""
    return x / x.abs().sum(dim=1, keepdim=True).clamp_min(1e-12)


def _log_degree(edge_index: Tensor, num_nodes: int) -> Tensor:
    degree = torch.bincount(edge_index[1], minlength=num_nodes)
    return degree.to(torch.float32).log1p().unsqueeze(1)


def assemble(x: Tensor, edge_index: Tensor, num_nodes: int, labels: Tensor, report: DataReport) -> Data:
    """What training sees: ``x`` and ``edge_index``, no label, no mask. Adds the counts to the report."""
    classes, unlabelled = int(labels.max()) + 1, int((labels < 0).sum())
    told = f"{classes} classes" if classes else "no labels"
    report.note(f"{num_nodes:,} nodes, {edge_index.shape[1]:,} directed edges, {x.shape[1]:,} features, {told}")
    if contains_isolated_nodes(edge_index, num_nodes):
        linked = torch.zeros(num_nodes, dtype=torch.bool).index_fill_(0, edge_index.flatten(), True)
        report.note(f"nodes without an edge, kept: {int((~linked).sum()):,}")
    if unlabelled and classes:
        report.note(f"nodes without a label, trained on but in no split: {unlabelled:,}")
    return Data(x=x, edge_index=edge_index, num_nodes=num_nodes)
