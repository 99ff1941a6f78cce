"""From a raw graph to what training may see: checks, cleaning, features."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import coalesce, contains_isolated_nodes, is_undirected, remove_self_loops

from graphcl.core.errors import UserError
from graphcl.core.words import counted
from graphcl.data.graphs.raw import RawGraph
from graphcl.data.report import DataReport

Features = Literal["given", "text", "identity", "degree"]
#: an identity matrix of more nodes than this is no longer a small thing to train on
MAX_IDENTITY = 5_000


def check_raw(raw: RawGraph) -> Tensor:
    """The labels, -1 everywhere where there are none, after refusing what no node task can train on.

    Raises:
        UserError: see :func:`check_parts`; no edges, or labels of one class.
    """
    check_parts(raw)
    if not bool((raw.edge_index[0] != raw.edge_index[1]).any()):
        edges = "no edges" if raw.edge_index.shape[1] == 0 else "no edges but self-loops"
        nodes = counted(raw.num_nodes, "node")
        raise UserError(f"{raw.source}: the graph has {nodes} and {edges}; there is nothing to contrast")
    return check_labels(raw.y, raw.num_nodes, raw.source, "nodes")


def check_labels(y: Tensor | None, count: int, where: str, what: str) -> Tensor:
    """The labels of ``count`` nodes or graphs (``what``), -1 everywhere where there are none, and for one by itself.

    Raises:
        UserError: labels below -1, or of one class.
    """
    labels = torch.full((count,), -1) if y is None else y
    if bool((labels < -1).any()):
        place = int((labels < -1).nonzero()[0])
        raise UserError(
            f"{where}: label {int(labels[place])} of {what[:-1]} {place}; classes are numbered from 0, and -1 says "
            "that a class is unknown"
        )
    if count == 1:
        return torch.full((1,), -1)
    if labels[labels >= 0].unique().numel() == 1:
        raise UserError(
            f"{where}: the labelled {what} are all of one class, and there is nothing to tell apart; "
            "leave the labels out to train without them"
        )
    return labels


def check_ends(edges: Tensor, num_nodes: int, where: str) -> None:
    """Refuse an edge to a node that is not there.

    Raises:
        UserError: names the node.
    """
    if edges.numel() and (int(edges.min()) < 0 or int(edges.max()) >= num_nodes):
        bad = int(edges.min()) if int(edges.min()) < 0 else int(edges.max())
        raise UserError(f"{where}: an edge names node {bad}, but there are {num_nodes} nodes (0..{num_nodes - 1})")


def check_parts(raw: RawGraph) -> None:
    """Refuse a graph whose parts do not fit each other.

    Raises:
        UserError: no nodes, an edge to a node that is not there, features without a column or that are not finite,
            weights that are no weights, lengths that do not fit.
    """
    where, edges = raw.source, raw.edge_index
    if raw.num_nodes == 0:
        raise UserError(f"{where}: the graph has no nodes")
    check_ends(edges, raw.num_nodes, where)
    rows = (("labels", raw.y), ("features", raw.x), ("ids", raw.ids), ("texts", raw.text), *raw.masks.items())
    for name, values in rows:
        if values is not None and len(values) != raw.num_nodes:
            raise UserError(f"{where}: {len(values)} rows of {name} for {raw.num_nodes} nodes")
    _check_features(raw)
    if raw.edge_weight is not None:
        _check_weights(raw.edge_weight, edges.shape[1], where)


def _check_weights(weight: Tensor, num_edges: int, where: str) -> None:
    if weight.shape != (num_edges,):
        raise UserError(f"{where}: edge weights of shape {list(weight.shape)} for {num_edges:,} edges; give one each")
    bad = ~(torch.isfinite(weight) & (weight > 0))
    if bool(bad.any()):
        place = int(bad.nonzero()[0])
        raise UserError(f"{where}: the weight of edge {place} is {weight[place].item():g}; give finite ones above 0")


def _check_features(raw: RawGraph) -> None:
    if raw.x is None:
        return
    if raw.x.shape[1] == 0:
        raise UserError(f"{raw.source}: the features have no column; leave them out, or set data.features=degree")
    if raw.features_file is not None:
        return  # on disk: their rows are checked as they are read
    if not bool(torch.isfinite(raw.x).all()):
        node, column = (~torch.isfinite(raw.x)).nonzero()[0].tolist()
        raise UserError(
            f"{raw.source}: feature {raw.name_feature(column)} of node {raw.name_node(node)} is "
            f"{raw.x[node, column].item()}; give finite numbers within float32"
        )


def clean_edges(raw: RawGraph, directed: bool, report: DataReport) -> tuple[Tensor, Tensor | None]:
    """Edges once each, without self-loops, mirrored unless ``directed``; sorted by source. Says what it changed.

    Returns:
        [2, E], and their weights [E] where the graph has some: of repeated edges the sum, of two directions that
        become one the mean.
    """
    count = raw.num_nodes
    edges, weight = remove_self_loops(raw.edge_index, raw.edge_weight)
    if loops := raw.edge_index.shape[1] - edges.shape[1]:
        report.note(f"self-loops left out (towers add their own): {loops:,}")
    unique, weight = _coalesced(edges, weight, count, "sum")
    if repeated := edges.shape[1] - unique.shape[1]:
        report.note(f"repeated edges {'left out' if weight is None else 'added up'}: {repeated:,}")
    if directed or is_undirected(unique, weight, num_nodes=count):
        return unique, weight
    doubled = None if weight is None else torch.cat([weight, weight])
    mirrored, weight = _coalesced(torch.cat([unique, unique.flip(0)], dim=1), doubled, count, "mean")
    report.note(
        f"{unique.shape[1]:,} edges mirrored to {mirrored.shape[1]:,} directed ones (data.directed=true keeps them)"
    )
    return mirrored, weight


def _coalesced(edges: Tensor, weight: Tensor | None, count: int, reduce: str) -> tuple[Tensor, Tensor | None]:
    if weight is None:
        return coalesce(edges, num_nodes=count), None
    return coalesce(edges, weight, num_nodes=count, reduce=reduce)


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


def assemble(
    x: Tensor, edge_index: Tensor, raw: RawGraph, labels: Tensor, report: DataReport, weight: Tensor | None = None
) -> Data:
    """What training sees: ``x``, ``edge_index``, perhaps ``edge_weight`` and ``text``; no label, no mask. Reports the
    counts."""
    num_nodes = raw.num_nodes
    classes, unlabelled = int(labels.max()) + 1, int((labels < 0).sum())
    told = f"{classes} classes" if classes else "no labels"
    report.note(f"{num_nodes:,} nodes, {edge_index.shape[1]:,} directed edges, {x.shape[1]:,} features, {told}")
    if contains_isolated_nodes(edge_index, num_nodes):
        linked = torch.zeros(num_nodes, dtype=torch.bool).index_fill_(0, edge_index.flatten(), True)
        report.note(f"nodes without an edge, kept: {int((~linked).sum()):,}")
    if unlabelled and classes:
        report.note(f"nodes without a label, trained on but in no split: {unlabelled:,}")
    graph = Data(x=x, edge_index=edge_index, num_nodes=num_nodes)
    if weight is not None:
        graph.edge_weight = weight
        report.note("edges are weighted; augmenters keep their weights, towers propagate with them")
    if raw.text is not None:
        graph.text = raw.text
    return graph
