"""Reader of a graph in a folder of ``.npy`` arrays, whose features stay on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.data.graphs.npz import graph_of
from graphcl.data.graphs.raw import RawGraph
from graphcl.data.numpy_files import why_unreadable

EDGES, FEATURES = "edge_index.npy", "x.npy"


def read_arrays(folder: Path) -> RawGraph:
    """Read a graph from ``edge_index.npy`` [2, E] and ``x.npy`` [N, F], perhaps ``y.npy`` and masks.

    Names are those of :func:`graphcl.data.graphs.npz.read_npz`. float32 features are mapped, not read.

    Raises:
        UserError: not such arrays; pickled (object) arrays are refused.
    """
    arrays = {path.stem: load_array(path) for path in sorted(folder.glob("*.npy"))}
    x = arrays.get("x")
    mapped = x is not None and x.dtype == np.float32 and x.ndim == 2
    # The readers of features make copies, so they get a stand-in of the right height and width.
    raw = graph_of({**arrays, "x": np.broadcast_to(np.float32(0), x.shape)} if mapped and x is not None else arrays,
                   folder)
    if mapped and x is not None:
        raw.x, raw.features_file = torch.from_numpy(x), (folder / FEATURES).resolve()
    return raw


def load_array(path: Path) -> np.ndarray:
    """An array that is mapped to its file, which is never written to.

    Raises:
        UserError: not a ``.npy`` of plain numbers.
    """
    try:
        return np.load(path, mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a .npy of plain numbers: {why_unreadable(error)}") from error


def map_features(path: Path, shape: Sequence[int]) -> Tensor:
    """The features that a run was trained on, where they lay then.

    Raises:
        UserError: they are gone, or are others.
    """
    if not path.is_file():
        raise UserError(f"{path}: the run reads its features there, and the file is gone; put it back")
    x = load_array(path)
    if list(x.shape) != list(shape) or x.dtype != np.float32:
        raise UserError(f"{path} holds {x.dtype} {list(x.shape)}, but the run was trained on float32 {list(shape)}")
    return torch.from_numpy(x)
