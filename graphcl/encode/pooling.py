"""Pooling nodes to graphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.encode.base import Graph, kept_nodes
from graphcl.graph.operators import SparseOperator
from graphcl.graph.patches import PatchGrid
from graphcl.graph.places import cells

Pooling = Literal["none", "mean", "sum", "max"]
#: Those, and ``frames``: the mean over time of each thing of a graph over time, all things beside each other.
PoolingInTime = Literal["none", "mean", "sum", "max", "frames"]
#: What chains may be pooled by, several beside each other.
Moment = Literal["mean", "sum", "max", "std", "positive", "last"]


def pool_graph(nodes: Tensor, graph: Graph, how: PoolingInTime, regions: int = 1) -> Tensor | None:
    """Pool the nodes [N, d] of a batch to its graphs [G, d] (a graph without ``batch`` is one); None for ``none``.

    Nodes that an augmenter took out of the graph are left out. With ``frames`` it is [G, R d], R things a frame; with
    several ``regions`` a side [G, regions**2 d], images part by part (:func:`region_of`).
    """
    if how == "none":
        return None
    if how == "frames":
        return _over_time(nodes, graph)
    batch, count = graph.get("batch"), getattr(graph, "num_graphs", None)  # that knows of empty graphs at the end
    if batch is None:
        batch, count = torch.zeros(nodes.shape[0], dtype=torch.int64, device=nodes.device), 1
    count, parts = int(batch.max()) + 1 if count is None else int(count), regions**2
    if parts > 1:
        batch = batch * parts + region_of(graph, regions)
    kept = kept_nodes(graph)
    if kept is not None:
        nodes, batch = nodes.index_select(0, kept), batch.index_select(0, kept)
    return pool(nodes, batch, count * parts, how).view(count, -1)


def _over_time(nodes: Tensor, graph: Graph) -> Tensor:
    """[G, R d], the mean over frames of each of their R things."""
    things, batch, count = things_of(graph), graph.get("batch"), getattr(graph, "num_graphs", None)
    member = nodes.new_zeros(len(nodes), dtype=torch.int64) if batch is None else batch
    return pool(nodes.reshape(-1, things * nodes.shape[1]), member[::things], int(count or 1), "mean")


def things_of(graph: Graph) -> int:
    """How many nodes (joints, regions) a frame of a graph over time has.

    Raises:
        UserError: the graph has no frames.
    """
    joints = graph.get("joints")
    if joints is None or not len(joints):
        raise UserError("pooling=frames needs graphs over time, as of skeletons or scans; take mean, sum or max")
    return int(joints[0])


def pooled_width(graph: Graph, how: PoolingInTime, dim: int, regions: int = 1) -> int:
    """Width of what :func:`pool_graph` makes of nodes [N, dim] of such graphs.

    Raises:
        UserError: frames of graphs without time, or regions of what are no images, or of too few patches.
    """
    if how == "frames":
        if regions > 1:
            raise UserError("encoder.regions: pooling=frames takes all of a frame; take mean, sum or max")
        return things_of(graph) * dim
    if regions > 1:
        region_of(graph, regions)
    return regions**2 * dim


def region_of(graph: Graph, regions: int) -> Tensor:
    """[N], which of ``regions`` times ``regions`` parts of its image each patch is in, row by row.

    Parts differ by at most one patch a side.

    Raises:
        UserError: the graph is not one of patches, or has fewer patches a side.
    """
    layout = graph.get("layout")
    if not isinstance(layout, PatchGrid):
        raise UserError("encoder.regions: above 1 it needs images as graphs of patches; set 1")
    if regions > min(layout.rows, layout.columns):
        raise UserError(
            f"encoder.regions: {regions} a side of images of {layout.rows} x {layout.columns} patches; set fewer, or a "
            "smaller data.patch"
        )
    row, column = cells(layout.rows, layout.columns).T
    part = row * regions // layout.rows * regions + column * regions // layout.columns
    return part.repeat(len(graph.x) // layout.nodes).to(graph.x.device)


def pool_pieces(
    nodes: Tensor, batch: Tensor, pos: Tensor, ptr: Tensor, how: Sequence[Moment], pieces: int | Sequence[int]
) -> Tensor:
    """Pool each of ``pieces`` equal stretches of each chain in each way, all beside each other.

    A chain shorter than that has stretches without nodes, which are 0.

    Args:
        nodes: [N, d].
        batch: [N], the chain of each node.
        pos: [N], its place there.
        ptr: [G + 1], where chains begin.
        how: Ways; ``std`` is the (population) standard deviation, ``positive`` the share of values above 0 (of ROCKET,
            Dempster et al., 2020), which has no gradient; ``last`` the last node.
        pieces: K; or several, one after another: ``[1, 3]`` is the whole chain and then its thirds.

    Returns:
        [G, K * len(how) * d], K their sum where there are several.
    """
    if not isinstance(pieces, int):
        return torch.cat([pool_pieces(nodes, batch, pos, ptr, how, each) for each in pieces], dim=1)
    piece = pos * pieces // ptr.diff().index_select(0, batch)
    member, count = batch * pieces + piece, (len(ptr) - 1) * pieces
    found = [_moment(nodes, member, count, one) for one in how]
    return torch.cat(found, dim=1).view(len(ptr) - 1, -1)


def _moment(nodes: Tensor, member: Tensor, count: int, how: Moment) -> Tensor:
    """[count, d]."""
    if how == "std":
        return _deviation(nodes, member, count)
    if how == "positive":
        return pool((nodes > 0).to(nodes.dtype), member, count, "mean")
    return _last(nodes, member, count) if how == "last" else pool(nodes, member, count, how)


def _last(nodes: Tensor, member: Tensor, count: int) -> Tensor:
    """[count, d], the row of the last node; 0 where there is none."""
    node = torch.arange(len(member), device=member.device)
    at = member.new_full((count,), -1).scatter_reduce(0, member, node, "amax")
    return nodes.index_select(0, at.clamp_min(0)) * (at >= 0)[:, None]


def _deviation(nodes: Tensor, member: Tensor, count: int) -> Tensor:
    """[count, d]. The root has a gradient at 0, where all nodes are alike."""
    mean = pool(nodes, member, count, "mean")
    variance = pool((nodes - mean.index_select(0, member)).square(), member, count, "mean")
    return (variance + 1e-6).sqrt()


def pool(nodes: Tensor, batch: Tensor, num_graphs: int, how: Pooling) -> Tensor:
    """Mean, sum or maximum of the nodes of each graph; 0 for a graph without nodes.

    Repeats bit for bit on CPU and can be differentiated twice.

    Args:
        nodes: [N, d].
        batch: [N], the graph of each node.
        num_graphs: G.
        how: ``mean``, ``sum`` or ``max``.

    Returns:
        [G, d].
    """
    if how == "max":
        index = batch[:, None].expand_as(nodes)
        return nodes.new_zeros(num_graphs, nodes.shape[1]).scatter_reduce(0, index, nodes, "amax", include_self=False)
    member = batch.cpu().numpy()
    counts = np.bincount(member, minlength=num_graphs)
    values = (1.0 / counts[member] if how == "mean" else np.ones(len(member))).astype(np.float32)
    matrix = sp.csr_matrix((values, (member, np.arange(len(member)))), shape=(num_graphs, len(member)))
    return SparseOperator.from_scipy(matrix, nodes.device).propagate(nodes)
