"""One graph as a picture: an image and its patches, a chain, regions over time, a tree, or nodes and edges."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch_geometric.data import Data

from graphcl.core.errors import require
from graphcl.core.files import replacing
from graphcl.core.words import counted
from graphcl.encode.windows import read_windows
from graphcl.graph.code import CodeLayout
from graphcl.graph.convert import to_networkx
from graphcl.graph.patches import PatchGrid, to_images

#: Of edges and nodes: apart from black text, also in print.
EDGE, NODE = "#9aa5b1", "#1b6ca8"
#: Most nodes that are drawn of a tree or a graph: more are a blot.
MOST_NODES = 300
#: Channels that are drawn as lines; more are rows of a picture.
MOST_LINES = 8
#: Windows of a scan that are drawn, evenly spread.
MOST_WINDOWS = 5


def draw_sample(path: Path, graph: Data, title: str, names: list[str]) -> str:
    """Draw a graph.

    Args:
        path: .png, .svg or .pdf.
        graph: A batch of one graph of a set, which has what tells its kind: ``layout``, ``code``, ``joints``, ``pos``.
        title: Above the picture.
        names: Of the columns of ``x``; empty when they are numbered.

    Returns:
        What is drawn, in words.

    Raises:
        MissingExtra: matplotlib is not installed.
        UserError: the file cannot be written.
    """
    figure = require("matplotlib.figure", "report").Figure(figsize=(7.2, 5.4), layout="constrained")
    axis = figure.subplots()
    told = _drawn(axis, graph, names)
    axis.set_title(title, fontsize=10)
    with replacing(path) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font")  # a name may hold any sign
        options = {"metadata": {"Date": None}} if path.suffix == ".svg" else {}
        figure.savefig(temporary, format=path.suffix.lstrip(".").lower(), dpi=150, **options)
    return told


def _drawn(axis: Any, graph: Data, names: list[str]) -> str:
    if isinstance(graph.get("layout"), PatchGrid):
        return _patches(axis, graph)
    if isinstance(graph.get("code"), CodeLayout):
        return _tree(axis, graph)
    if _is_connectivity(graph):
        return _connectivity(axis, graph)
    if graph.get("pos") is not None:
        return _chain(axis, graph, names)
    return _network(axis, graph)


def _is_connectivity(graph: Data) -> bool:
    """Whether features are correlations with all regions; a region has 1 with itself (0 where it is constant)."""
    regions = int(graph.joints) if graph.get("joints") is not None else 0
    if not regions or graph.x.shape[1] != regions:
        return False  # a skeleton may have as many joints as coordinates, so that widths do not say all
    own = graph.x.view(-1, regions, regions).diagonal(dim1=1, dim2=2)
    return bool(((own - 1).abs().minimum(own.abs()) < 1e-4).all())


def _patches(axis: Any, graph: Data) -> str:
    """The image, and edges between the middles of its patches."""
    layout: PatchGrid = graph.layout
    pixels = to_images(graph.x, layout)[0].permute(1, 2, 0).numpy()
    axis.imshow(pixels.squeeze(2) if layout.channels == 1 else pixels, cmap="gray", vmin=0, vmax=1)
    place = torch.cartesian_prod(torch.arange(layout.rows), torch.arange(layout.columns)).view(-1, 2)
    middle = ((place + 0.5) * layout.patch - 0.5).numpy()
    _edges(axis, middle[:, ::-1], graph.edge_index, alpha=0.5)
    axis.plot(middle[:, 1], middle[:, 0], ".", color=NODE, markersize=4)
    axis.set_axis_off()
    return f"the image and its {layout.rows} x {layout.columns} patches of {layout.patch} x {layout.patch} pixels"


def _chain(axis: Any, graph: Data, names: list[str]) -> str:
    """A line a channel over the place in the chain; many channels are rows of a picture. Of a skeleton, or of several
    devices, the channels of all joints or devices are those of a frame."""
    rows = read_windows(graph)
    values, channels = rows.x.numpy(), names or [str(number) for number in range(graph.x.shape[1])]
    if rows.nodes > 1:
        channels = [f"{number} {name}" for number in range(1, rows.nodes + 1) for name in channels]
    what = counted(len(values), "node")
    if rows.nodes > 1:
        what = f"{rows.nodes} nodes at each of {counted(len(values), 'moment')}"
    axis.set_xlabel("place in the chain")
    if values.shape[1] > MOST_LINES:
        axis.imshow(values.T, aspect="auto", origin="lower", interpolation="nearest", cmap="viridis")
        axis.set_ylabel("channel")
        return f"a chain of {what}, {values.shape[1]} channels from bottom to top"
    for channel, column in enumerate(values.T):
        axis.plot(column, marker="." if len(values) <= 60 else "", label=channels[channel])
    axis.spines[["top", "right"]].set_visible(False)
    if values.shape[1] > 1:
        axis.legend(frameon=False, fontsize=8)
    return f"a chain of {what}, {counted(values.shape[1], 'channel')}"


def _connectivity(axis: Any, graph: Data) -> str:
    """A matrix of correlations for each window, and below it its edges."""
    regions = int(graph.joints)
    rows = graph.x.view(-1, regions, regions)
    shown = rows[torch.linspace(0, len(rows) - 1, min(len(rows), MOST_WINDOWS)).round().long()]
    frames = torch.linspace(0, len(rows) - 1, len(shown)).round().long().tolist()
    gap = max(1, regions // 20)
    canvas = np.full((2 * regions + gap, len(shown) * (regions + gap) - gap), np.nan)
    source, target = graph.edge_index
    for place, (frame, values) in enumerate(zip(frames, shown, strict=True)):
        left, own = place * (regions + gap), source // regions == frame
        canvas[:regions, left : left + regions] = values.numpy()
        canvas[regions + gap :, left : left + regions] = 0
        canvas[regions + gap + (source[own] % regions).numpy(), left + (target[own] % regions).numpy()] = 1
    axis.imshow(canvas, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
    axis.set_axis_off()
    few = f", {len(shown)} of them" if len(shown) < len(rows) else ""
    return f"{regions} regions in {len(rows)} windows{few}: correlations above, and below what is an edge"


def _tree(axis: Any, graph: Data) -> str:
    """Nodes by depth, leaves from left to right, and the kinds of the first ones as text."""
    parent, count = graph.parent_index.tolist(), min(int(graph.num_nodes or 0), MOST_NODES)
    depth, across = [0] * count, np.zeros(count)
    for node in range(1, count):  # parents lie before their children
        depth[node] = depth[parent[node]] + 1 if parent[node] != node else 0
    inner = {parent[node] for node in range(1, count) if parent[node] != node}
    leaves = [node for node in range(count) if node not in inner]
    across[leaves] = np.arange(len(leaves))
    below: dict[int, list[float]] = {}
    for node in range(count - 1, -1, -1):
        if node in below:
            across[node] = float(np.mean(below[node]))
        if node and parent[node] != node:
            below.setdefault(parent[node], []).append(across[node])
    place = np.stack([across, -np.array(depth)], axis=1)
    tree = torch.tensor([[parent[node], node] for node in range(1, count) if parent[node] != node]).view(-1, 2).T
    _edges(axis, place, tree, alpha=0.9)
    axis.plot(place[:, 0], place[:, 1], ".", color=NODE, markersize=4)
    if count <= 80:
        kinds = [graph.code.kinds[kind] for kind in graph.kind[:count].tolist()]
        for (x, y), kind in zip(place, kinds, strict=True):
            axis.text(x, y, kind, fontsize=5, rotation=30, ha="left", va="bottom")
    axis.set_axis_off()
    whole = int(graph.num_nodes or 0)
    return f"the syntax tree of {counted(whole, 'node')}" + (f", the first {count}" if count < whole else "")


def _network(axis: Any, graph: Data) -> str:
    """Nodes where springs between them come to rest."""
    import networkx

    whole = int(graph.num_nodes or 0)
    some = Data(edge_index=graph.edge_index, num_nodes=whole)
    some = some.subgraph(torch.arange(MOST_NODES)) if whole > MOST_NODES else some
    found = networkx.spring_layout(to_networkx(some).to_undirected(), seed=0)
    place = np.stack([found[node] for node in range(int(some.num_nodes or 0))])
    _edges(axis, place, some.edge_index, alpha=0.8)
    axis.plot(place[:, 0], place[:, 1], "o", color=NODE, markersize=6)
    axis.set_axis_off()
    return f"a graph of {counted(whole, 'node')}" + (f", the first {MOST_NODES}" if whole > MOST_NODES else "")


def _edges(axis: Any, place: np.ndarray, edge_index: torch.Tensor, alpha: float) -> None:
    lines = require("matplotlib.collections", "report").LineCollection
    ends = place[edge_index.T.numpy()]
    axis.add_collection(lines(ends, colors=EDGE, linewidths=0.6, alpha=alpha))
    axis.autoscale_view()
