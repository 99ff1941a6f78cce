"""Reader of the Geom-GCN files: ``out1_graph_edges.txt``, ``out1_node_feature_label.txt`` and ten splits.

Source: Pei, Wei, Chang, Lei, Yang, "Geom-GCN: Geometric Graph Convolutional Networks", ICLR 2020.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from graphcl.core.errors import UserError
from graphcl.data.graphs.raw import RawGraph

NODES, EDGES = "out1_node_feature_label.txt", "out1_graph_edges.txt"
#: a header that counts the features means that rows list the indices of the ones; else they list all values
SPARSE = "feature_amount"
_PARTS = (("train", "train_mask"), ("valid", "val_mask"), ("test", "test_mask"))


def read_geom_gcn(folder: Path, splits: Iterable[str]) -> RawGraph:
    """Read a directed graph with its published splits.

    Args:
        folder: Where the files lie.
        splits: Names of the ``.npz`` files of the splits, in their order; each holds three masks of 0 and 1.

    Raises:
        UserError: a file is missing, or is not of that form.
    """
    try:
        header, *lines = (folder / NODES).read_text(encoding="utf-8").splitlines()
        rows = [line.split("\t") for line in lines if line]
        values = [np.array(text.split(","), dtype=np.int64) for _, text, _ in rows]
        nodes = np.array([node for node, _, _ in rows], dtype=np.int64)
        if not np.array_equal(np.sort(nodes), np.arange(len(nodes))):
            raise ValueError(f"{NODES} does not list the nodes 0..{len(nodes) - 1} once each")
        x = _ones(values) if SPARSE in header else np.stack(values).astype(np.float32)
        order = nodes.argsort()
        labels = np.array([label for _, _, label in rows], dtype=np.int64)
        edges = np.loadtxt(folder / EDGES, dtype=np.int64, skiprows=1, ndmin=2)
        masks = _masks([folder / name for name in splits])
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{folder}: not a graph in the Geom-GCN form: {error}") from error
    return RawGraph(
        edge_index=torch.from_numpy(edges.T.copy()),
        num_nodes=len(nodes),
        x=torch.from_numpy(x[order]),
        y=torch.from_numpy(labels[order]),
        masks={part: torch.from_numpy(mask) for part, mask in masks.items()},
        source=str(folder),
    )


def _ones(indices: list[np.ndarray]) -> np.ndarray:
    x = np.zeros((len(indices), 1 + max(int(row.max()) for row in indices)), dtype=np.float32)
    for row, ones in zip(x, indices, strict=True):
        row[ones] = 1.0
    return x


def _masks(paths: list[Path]) -> dict[str, np.ndarray]:
    """Part -> [N, R] bool."""
    found: dict[str, list[np.ndarray]] = {part: [] for part, _ in _PARTS}
    for path in paths:
        with np.load(path, allow_pickle=False) as file:
            for part, key in _PARTS:
                found[part].append(file[key].astype(bool))
    return {part: np.stack(masks, axis=1) for part, masks in found.items() if masks}
