"""Some of the devices (or joints) of graphs over time."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch_geometric.data import Data

from graphcl.augment.plain import plain
from graphcl.core.errors import UserError
from graphcl.core.options import Count
from graphcl.core.registry import register
from graphcl.encode.base import Graph
from graphcl.encode.windows import tracks_of
from graphcl.graph.batch import graph_batch
from graphcl.graph.frames import say_frames


@plain
def take_devices(graph: Graph, devices: Sequence[int]) -> Graph:
    """Only the nodes of some devices, and the edges between them. Nodes are fewer then, and not where they were.

    >>> from graphcl.graph.skeleton import build_skeleton
    >>> graph = build_skeleton(torch.arange(6.0).view(2, 3, 1), torch.zeros(0, 2, dtype=torch.int64))
    >>> taken = take_devices(graph, [1, 3])
    >>> taken.x.view(-1).tolist(), taken.pos.tolist(), taken.joints.tolist()
    ([0.0, 2.0, 3.0, 5.0], [0, 0, 1, 1], [2])

    Args:
        graph: several devices over time, or a moving skeleton.
        devices: which, from 1; they keep their order in the graph.

    Raises:
        UserError: the graph has none, or not these.
    """
    known = tracks_of(graph)
    if "joints" not in graph:
        raise UserError("take_devices: needs graphs of several devices over time (data of the kind device_set)")
    wanted = sorted(set(devices))
    if not wanted or wanted[0] < 1 or wanted[-1] > known:
        raise UserError(f"take_devices: devices are numbers from 1 to {known}, got {list(devices)}")
    chosen = torch.tensor(wanted, device=graph.x.device) - 1
    kept = torch.isin(torch.arange(len(graph.x), device=chosen.device) % known, chosen)  # graphs have whole frames
    nodes, inside = kept.nonzero().view(-1), kept.index_select(0, graph.edge_index.reshape(-1)).view(2, -1).all(0)
    edges = graph.edge_index[:, inside]
    moved = (kept.cumsum(0) - 1).index_select(0, edges.reshape(-1)).view_as(edges)
    names = [name for name in graph.node_attrs() if name not in ("x", "batch", "joints", "ptr")]
    others = {name: graph[name].index_select(0, nodes) for name in names}
    x = graph.x.index_select(0, nodes)
    if graph.get("ptr") is None:
        return Data(x=x, edge_index=moved, **others, joints=torch.tensor([len(wanted)]), num_nodes=len(nodes))
    sizes = graph.ptr.diff() // known * len(wanted)
    counts = torch.bincount(graph.batch.index_select(0, edges[0]), minlength=len(sizes))
    return say_frames(graph_batch(x, moved, sizes, counts, of_nodes=others), len(wanted))


@register("augmenter", "take_devices", example={"devices": [1]}, level="graph", stochastic=False, edges="devices")
class TakeDevices(nn.Module):
    """Shows some of the devices of a record (or joints of a skeleton); see :func:`take_devices`.

    As the view that is embedded it judges an encoder by one device; as the view that is trained on it leaves one out.
    """

    def __init__(self, devices: Sequence[Count] = (1,)) -> None:
        """
        Args:
            devices: Which, from 1, in the order that the data has them.
        """
        super().__init__()
        self.devices = list(devices)

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The graph with these devices."""
        return take_devices(graph, self.devices)
