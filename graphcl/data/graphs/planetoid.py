"""Reader of the Planetoid files (``ind.NAME.x`` ...).

Source: Yang, Cohen, Salakhutdinov, "Revisiting Semi-Supervised Learning with Graph Embeddings", ICML 2016.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.data.graphs.raw import RawGraph
from graphcl.data.graphs.unpickle import read_arrays

SUFFIXES = ("x", "y", "tx", "ty", "allx", "ally", "graph", "test.index")
#: the public split takes the 500 nodes after the training nodes for validation
NUM_VALID, NUM_TEST = 500, 1_000


def read_planetoid(folder: Path, name: str) -> RawGraph:
    """Read one data set of the collection.

    ``allx`` holds every node but the test nodes; row i of ``tx`` is node ``test.index[i]``. CiteSeer skips 15
    indices, nodes with neither features nor label: they stay in the graph, with zero features and label -1,
    where other loaders give them class 0.

    Args:
        folder: Where ``ind.NAME.*`` lie.
        name: ``cora``, ``citeseer`` or ``pubmed``.

    Raises:
        UserError: a file is missing, refused by the restricted reader, or does not fit the others.
    """
    files = {suffix: folder / f"ind.{name}.{suffix}" for suffix in SUFFIXES}
    missing = [path.name for path in files.values() if not path.is_file()]
    if missing:
        raise UserError(f"{folder}: not a Planetoid folder, it lacks {', '.join(missing)}")
    parts = {suffix: read_arrays(path) for suffix, path in files.items() if suffix != "test.index"}
    try:
        return _assemble(parts, np.loadtxt(files["test.index"], dtype=np.int64, ndmin=1), str(folder))
    except (ValueError, IndexError, TypeError, AttributeError, KeyError) as error:
        raise UserError(f"{folder}: the Planetoid files of {name!r} do not fit each other: {error}") from error


def _assemble(parts: dict[str, Any], order: np.ndarray, source: str) -> RawGraph:
    num_known, num_train = parts["allx"].shape[0], parts["y"].shape[0]
    num_nodes = max(int(order.max()) + 1, num_known, max(parts["graph"]) + 1)

    x = sp.lil_matrix((num_nodes, parts["allx"].shape[1]), dtype=np.float32)
    x[:num_known] = parts["allx"]
    x[order] = parts["tx"]
    one_hot = np.zeros((num_nodes, parts["ally"].shape[1]))
    one_hot[:num_known] = parts["ally"]
    one_hot[order] = parts["ty"]
    y = np.where(one_hot.any(axis=1), one_hot.argmax(axis=1), -1)

    return RawGraph(
        edge_index=_edges(parts["graph"]),
        num_nodes=num_nodes,
        x=torch.from_numpy(x.toarray()),
        y=torch.from_numpy(y),
        masks={
            "train": _mask(range(num_train), num_nodes),
            "valid": _mask(range(num_train, num_train + NUM_VALID), num_nodes),
            "test": _mask(order, num_nodes),
        },
        source=source,
    )


def public_masks(index: Path, num_nodes: int, num_classes: int) -> dict[str, Tensor]:
    """The public split for the nodes of another copy of a Planetoid graph.

    Args:
        index: Table ``tag_id,planetoid_id``: a row of the copy, and its number in Planetoid's files, where the first 20
            a class train, the next 500 choose, and the last 1,000 test.
        num_nodes: N.
        num_classes: Of the graph.

    Raises:
        UserError: the table does not name every node once.
    """
    try:
        table = np.loadtxt(index, dtype=np.int64, delimiter=",", skiprows=1, ndmin=2)
        if not np.array_equal(np.sort(table, axis=0), np.stack([np.arange(num_nodes)] * 2, axis=1)):
            raise ValueError("not every node is named once")
    except ValueError as error:
        raise UserError(f"{index}: {error}") from error
    there = table[np.argsort(table[:, 0]), 1]
    num_train = 20 * num_classes
    valid = (there >= num_train) & (there < num_train + NUM_VALID)
    parts = {"train": there < num_train, "valid": valid, "test": there >= num_nodes - NUM_TEST}
    return {part: torch.from_numpy(chosen).unsqueeze(1) for part, chosen in parts.items()}


def _edges(neighbours: dict[int, list[int]]) -> Tensor:
    source = np.repeat(list(neighbours), [len(ends) for ends in neighbours.values()])
    target = np.concatenate([np.asarray(ends, dtype=np.int64) for ends in neighbours.values()])
    return torch.from_numpy(np.stack([source.astype(np.int64), target]))


def _mask(positions: range | np.ndarray, num_nodes: int) -> Tensor:
    """[N, 1] bool."""
    mask = torch.zeros(num_nodes, 1, dtype=torch.bool)
    mask[torch.as_tensor(list(positions))] = True
    return mask
