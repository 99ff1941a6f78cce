"""Reader of a graph in one ``.npz`` of plain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcl.core.errors import UserError, suggestion
from graphcl.data.graphs.raw import RawGraph
from graphcl.data.numpy_files import why_unreadable

#: our name -> names under which other collections store the same array
_ALIASES = {
    "x": ("x", "features"),
    "y": ("y", "labels"),
    "train": ("train_mask", "train_masks"),
    "valid": ("valid_mask", "val_mask", "valid_masks", "val_masks"),
    "test": ("test_mask", "test_masks"),
}


def read_npz(path: Path) -> RawGraph:
    """Read one graph from a ``.npz``.

    Edges: ``edge_index`` [2, E], or a CSR matrix as ``adj_indices, adj_indptr, adj_shape`` (the layout of
    Shchur et al. 2018). Features: ``x`` [N, F], or CSR as ``attr_*``. Labels: ``y`` or ``labels`` [N]. Splits,
    if any: ``train_mask, valid_mask, test_mask``, [N] or [N, R].

    Raises:
        UserError: not such a file; pickled (object) arrays are refused.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files if not _is_vocabulary(name)}
    except Exception as error:  # zip, header and pickle errors all mean the same to the user
        raise UserError(f"{path}: not a .npz of plain arrays: {why_unreadable(error)}") from error
    return graph_of(arrays, path)


def graph_of(arrays: Mapping[str, np.ndarray], path: Path) -> RawGraph:
    """The graph that arrays of these names make; ``path`` is for messages.

    Raises:
        UserError: they do not make one.
    """
    try:
        x = _features(arrays)
        y = _find(arrays, "y")
        edge_index, num_nodes = _edges(arrays, x, y)
        return RawGraph(
            edge_index=edge_index,
            num_nodes=num_nodes,
            x=None if x is None else torch.from_numpy(x),
            y=None if y is None else torch.from_numpy(_labels(y, path)),
            masks=_masks(arrays, path),
            source=str(path),
        )
    except (ValueError, IndexError, TypeError, KeyError) as error:
        raise UserError(f"{path}: the arrays do not make a graph: {error}") from error


def _is_vocabulary(name: str) -> bool:
    """Tables of words and names, which the benchmark collections store as pickled objects beside the arrays."""
    return name.endswith("_names") or name.startswith("idx_to_")


def _find(arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray | None:
    return next((arrays[alias] for alias in _ALIASES[name] if alias in arrays), None)


def _csr(arrays: Mapping[str, np.ndarray], prefix: str) -> sp.csr_matrix | None:
    if f"{prefix}_indptr" not in arrays:
        return None
    indices, indptr = arrays[f"{prefix}_indices"], arrays[f"{prefix}_indptr"]
    data = arrays.get(f"{prefix}_data", np.ones(len(indices), dtype=np.float32))
    return sp.csr_matrix((data, indices, indptr), shape=tuple(arrays[f"{prefix}_shape"]))


def _features(arrays: Mapping[str, np.ndarray]) -> np.ndarray | None:
    sparse = _csr(arrays, "attr")
    x = _find(arrays, "x") if sparse is None else sparse.toarray()
    if x is not None and x.ndim != 2:
        raise ValueError(f"features have shape {list(x.shape)}, expected [nodes, features]")
    with np.errstate(over="ignore"):  # what becomes infinite is refused later, with its place
        return None if x is None else np.ascontiguousarray(x, dtype=np.float32)


def _edges(arrays: Mapping[str, np.ndarray], x: np.ndarray | None, y: np.ndarray | None) -> tuple[Tensor, int]:
    adjacency = _csr(arrays, "adj")
    if adjacency is not None:
        coo = adjacency.tocoo()
        return torch.from_numpy(np.stack([coo.row, coo.col]).astype(np.int64)), adjacency.shape[0]
    if "edge_index" not in arrays:
        raise ValueError(f"no 'edge_index'{suggestion('edge_index', arrays)}")
    edge_index = arrays["edge_index"]
    if edge_index.ndim != 2 or edge_index.shape[0] != 2 or edge_index.dtype.kind not in "iu":
        raise ValueError(f"edge_index is {edge_index.dtype} {list(edge_index.shape)}, expected integers [2, edges]")
    # Rows of x and y count the nodes: the last nodes may have no edge.
    rows = next((len(a) for a in (x, y) if a is not None), int(edge_index.max(initial=-1)) + 1)
    return torch.from_numpy(edge_index.astype(np.int64)), rows


def _labels(y: np.ndarray, path: Path) -> np.ndarray:
    if y.ndim != 1 or y.dtype.kind not in "iu":
        raise UserError(f"{path}: labels are {y.dtype} {list(y.shape)}; expected one integer a node (-1: unknown)")
    return y.astype(np.int64)


def _masks(arrays: Mapping[str, np.ndarray], path: Path) -> dict[str, Tensor]:
    found = {part: _find(arrays, part) for part in ("train", "valid", "test")}
    present = {part: mask for part, mask in found.items() if mask is not None}
    if present and len(present) < 3:
        raise UserError(f"{path}: has masks for {', '.join(present)} only; give train_mask, valid_mask and test_mask")
    for part, mask in present.items():
        if mask.dtype != np.bool_ or mask.ndim not in (1, 2):
            raise UserError(f"{path}: {part}_mask is {mask.dtype} {list(mask.shape)}; expected booleans [nodes]")
    return {part: torch.from_numpy(mask.reshape(len(mask), -1)) for part, mask in present.items()}
