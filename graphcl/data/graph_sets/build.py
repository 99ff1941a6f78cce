"""From a raw set of graphs to what training may see: checks, cleaning, features, packing."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from graphcl.core.errors import UserError
from graphcl.data.graph_sets.packed import PackedGraphs
from graphcl.data.graph_sets.raw import RawGraphSet
from graphcl.data.graphs.build import check_ends, check_labels, clean_edges
from graphcl.data.graphs.raw import RawGraph
from graphcl.data.report import DataReport
from graphcl.graph.batch import pointer

Features = Literal["given", "all", "degree", "constant"]


def check_set(raw: RawGraphSet) -> Tensor:
    """The labels [G], -1 everywhere where there are none, after refusing what no graph task can train on.

    Raises:
        UserError: labels of one class; see :func:`check_graphs`.
    """
    check_graphs(raw)
    return check_labels(raw.y, raw.num_graphs, raw.source, "graphs")


def check_graphs(raw: RawGraphSet) -> None:
    """Refuse a set whose parts do not fit each other.

    Raises:
        UserError: no graphs, a graph without nodes, a node or edge of nothing, an edge between two graphs, features
            that are not finite, lengths that do not fit.
    """
    where, count = raw.source, raw.num_graphs
    if not count:
        raise UserError(f"{where}: there are no graphs")
    if raw.num_nodes and int(raw.graph_of.max()) >= count:
        node, graph = int(raw.graph_of.argmax()), int(raw.graph_of.max())
        raise UserError(f"{where}: node {node} is of graph {graph}, but there are {count} graphs")
    sizes = torch.bincount(raw.graph_of, minlength=count)
    if bool((sizes == 0).any()):
        empty = int((sizes == 0).nonzero()[0])
        raise UserError(f"{where}: graph {raw.name(empty)} has no nodes; leave it out, or give it nodes")
    _check_edges(raw)
    _check_features(raw)


def _check_edges(raw: RawGraphSet) -> None:
    if not raw.edge_index.numel():
        return
    check_ends(raw.edge_index, raw.num_nodes, raw.source)
    first, second = raw.graph_of[raw.edge_index]
    if bool((first != second).any()):
        edge = int((first != second).nonzero()[0])
        a, b = raw.edge_index[:, edge].tolist()
        raise UserError(
            f"{raw.source}: an edge joins node {a} of graph {raw.name(int(first[edge]))} and node {b} of graph "
            f"{raw.name(int(second[edge]))}; edges stay within a graph"
        )


def _check_features(raw: RawGraphSet) -> None:
    for name, values in (("categories", raw.categories), ("attributes", raw.attributes)):
        if values is not None and values.shape[0] != raw.num_nodes:
            raise UserError(f"{raw.source}: {values.shape[0]} rows of node {name} for {raw.num_nodes} nodes")
    if raw.attributes is not None and not bool(torch.isfinite(raw.attributes).all()):
        node, column = (~torch.isfinite(raw.attributes)).nonzero()[0].tolist()
        value = raw.attributes[node, column].item()
        raise UserError(f"{raw.source}: feature {column} of node {node} is {value}; give finite numbers within float32")


def kind_of_features(raw: RawGraphSet, features: Features) -> str:
    """What the nodes' features are made of: ``attributes``, ``categories`` (or both), ``degree`` or ``constant``."""
    if features in ("degree", "constant"):
        return features
    kinds = ["attributes"] if raw.attributes is not None and (features == "all" or raw.categories is None) else []
    kinds += ["categories"] if raw.categories is not None else []
    return " and ".join(kinds) or "degree"


def pack_set(
    raw: RawGraphSet, *, features: Features, max_degree: int, directed: bool, report: DataReport, width: int = 0
) -> PackedGraphs:
    """Clean edges, make features, and put the nodes of each graph next to each other. Says what it decided.

    Args:
        raw: Checked.
        features: What node features are made of.
        max_degree: Degrees of this and more share a column.
        directed: Whether edges keep their direction.
        report: Gets what was decided.
        width: Columns of one-hot degrees; 0: as many as these graphs need.
    """
    order = raw.graph_of.argsort(stable=True)
    place = torch.empty_like(order).index_copy_(0, order, torch.arange(order.numel()))
    graph_of = raw.graph_of[order]
    union = RawGraph(edge_index=place[raw.edge_index], num_nodes=raw.num_nodes, source=raw.source)
    edges, _ = clean_edges(union, directed, report)
    x = _node_features(raw, edges, order, features, width - 1 if width else max_degree, report, width)
    node_ptr = pointer(torch.bincount(graph_of))
    # Edges come sorted by their source, so those of a graph lie together.
    of_edge = graph_of[edges[0]]
    edge_ptr = pointer(torch.bincount(of_edge, minlength=node_ptr.numel() - 1))
    return PackedGraphs(x, edges - node_ptr[of_edge], node_ptr, edge_ptr)


def _node_features(
    raw: RawGraphSet, edges: Tensor, order: Tensor, kind: Features, max_degree: int, report: DataReport, width: int
) -> Tensor:
    """[N, F] float32 in the new order of nodes."""
    if kind == "constant":
        report.note("features: a constant 1 for every node")
        return torch.ones(raw.num_nodes, 1)
    blocks = [] if kind == "degree" else _given(raw, everything=kind == "all")
    if blocks:
        report.note("features: " + " and ".join(name for name, _ in blocks))
        return torch.cat([values for _, values in blocks], dim=1)[order]
    lacking = "" if kind == "degree" else " (the data has no node features)"
    report.note(f"features: one-hot degree, {max_degree} and more in one column{lacking}")
    degree = torch.bincount(edges[1], minlength=raw.num_nodes).clamp_max(max_degree)
    return one_hot(degree, width or -1).to(torch.float32)


def _given(raw: RawGraphSet, *, everything: bool) -> list[tuple[str, Tensor]]:
    """(what, values [N, F]) of the features that came with the nodes."""
    blocks = []
    if raw.attributes is not None and (everything or raw.categories is None):
        blocks.append((f"{raw.attributes.shape[1]} node attributes", raw.attributes.to(torch.float32)))
    if raw.categories is not None:
        hot = torch.cat([one_hot(column).to(torch.float32) for column in raw.categories.T], dim=1)
        blocks.append((f"one-hot node categories, {hot.shape[1]} columns", hot))
    return blocks


def describe_set(packed: PackedGraphs, labels: Tensor, report: DataReport) -> None:
    """Add the counts to the report."""
    sizes, edges, classes = packed.sizes, packed.edge_ptr.diff(), int(labels.max()) + 1
    told = f"{classes} classes" if classes else "no labels"
    report.note(
        f"{len(packed):,} graphs, {told}, {int(sizes.sum()):,} nodes ({int(sizes.min())} to "
        f"{int(sizes.max())} a graph), {int(edges.sum()):,} directed edges, {packed.x.shape[1]} features"
    )
    for count, what in (
        (int((sizes == 1).sum()), "of a single node"),
        (int(((sizes > 1) & (edges == 0)).sum()), "of several nodes without an edge"),
    ):
        if count:
            report.note(f"graphs {what}, kept: {count:,}")
    if classes and (unlabelled := int((labels < 0).sum())):
        report.note(f"graphs without a label, trained on but not judged: {unlabelled:,}")
