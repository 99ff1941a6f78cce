"""Reader of the attributed networks of Yang et al.: ``attrs.npz``, ``edgelist.txt`` and ``labels.txt``.

Source: Yang, Shi, Xiao, Yang, Bhowmick, "Scaling Attributed Network Embedding to Massive Graphs", PVLDB 2020.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.sparse as sp
import torch

from graphcl.core.errors import UserError
from graphcl.data.graphs.raw import RawGraph


def read_attributed(folder: Path) -> RawGraph:
    """Read one graph: features as a CSR matrix, an edge a line, and one class a node (numbered anew from 0).

    Features become dense: what augmenters and towers work on.

    Raises:
        UserError: a file is missing, or is not of that form (several classes a node, for instance).
    """
    try:
        with np.load(folder / "attrs.npz", allow_pickle=False) as file:
            matrix = sp.csr_matrix((file["data"], file["indices"], file["indptr"]), shape=tuple(file["shape"]))
        edges = np.loadtxt(folder / "edgelist.txt", dtype=np.int64, usecols=(0, 1), ndmin=2)
        table = np.loadtxt(folder / "labels.txt", dtype=np.int64, ndmin=2)
        if table.shape[1] != 2:
            raise ValueError("labels.txt does not hold one class a node")
        classes, codes = np.unique(table[:, 1], return_inverse=True)
        y = np.full(matrix.shape[0], -1, dtype=np.int64)
        y[table[:, 0]] = codes
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise UserError(f"{folder}: not an attributed network: {error}") from error
    return RawGraph(
        edge_index=torch.from_numpy(edges.T.copy()),
        num_nodes=matrix.shape[0],
        x=torch.from_numpy(matrix.toarray().astype(np.float32, copy=False)),
        y=torch.from_numpy(y),
        class_names=[str(label) for label in classes],
        source=str(folder),
    )
