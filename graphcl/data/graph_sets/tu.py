"""Reader of the text files of the TU collection (Morris et al., ICML workshop 2020).

=========================  =====================================================================
``DS_A.txt``               ``source, target`` a line: node numbers from 1, both directions
``DS_graph_indicator.txt`` the graph number (from 1) of each node
``DS_graph_labels.txt``    the class of each graph, a whole number
``DS_node_labels.txt``     optional: categories of each node, whole numbers
``DS_node_attributes.txt`` optional: numbers of each node
=========================  =====================================================================

Edge labels and edge attributes are not read.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.data.graph_sets.raw import RawGraphSet

_ENDING = "_graph_indicator.txt"


def read_tu(folder: Path) -> RawGraphSet:
    """Read the one set whose files lie in ``folder``.

    Raises:
        UserError: no such files or several sets, a line that is no number, counts that do not fit.
    """
    name = _set_name(folder)
    graph_of = _column(folder / f"{name}{_ENDING}") - 1
    if graph_of.size and graph_of.min() < 0:
        raise UserError(f"{folder / f'{name}{_ENDING}'}: graphs are numbered from 1, found {graph_of.min() + 1}")
    labels = _column(_required(folder / f"{name}_graph_labels.txt"))
    names, y = np.unique(labels, return_inverse=True)
    edges = _numbers(_required(folder / f"{name}_A.txt"), np.int64)
    if edges.size and edges.shape[1] != 2:
        raise UserError(f"{folder / f'{name}_A.txt'}: a line holds {edges.shape[1]} numbers; an edge has two")
    return RawGraphSet(
        edge_index=torch.from_numpy(edges.reshape(-1, 2).T - 1).contiguous(),
        graph_of=torch.from_numpy(graph_of),
        y=torch.from_numpy(y.astype(np.int64)),
        categories=_categories(folder / f"{name}_node_labels.txt"),
        attributes=_attributes(folder / f"{name}_node_attributes.txt"),
        ids=[str(number) for number in range(1, len(labels) + 1)],
        class_names=[str(name) for name in names],
        source=str(folder),
    )


def is_tu(folder: Path) -> bool:
    """Whether the files of a TU set lie in ``folder``."""
    return any(folder.glob(f"*{_ENDING}"))


def _set_name(folder: Path) -> str:
    found = sorted(path.name.removesuffix(_ENDING) for path in folder.glob(f"*{_ENDING}"))
    if len(found) != 1:
        what = f"the sets {', '.join(found)}" if found else f"no file DS{_ENDING}"
        raise UserError(f"{folder} holds {what}; a folder of TU text files holds one set")
    return found[0]


def _required(path: Path) -> Path:
    if not path.is_file():
        raise UserError(f"{path} is missing; the files of a TU set are DS_A, DS_graph_indicator and DS_graph_labels")
    return path


def _numbers(path: Path, kind: type) -> np.ndarray:
    """[lines, columns]; commas or blanks between columns.

    Raises:
        UserError: a field is no number (no whole number, for integers), or lines differ in length.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*input contained no data", category=UserWarning)
            text = path.read_text(encoding="utf-8").replace(",", " ").splitlines()
            return np.loadtxt(text, dtype=kind, ndmin=2, comments=None)
    except (ValueError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {str(error).splitlines()[0]}") from error


def _column(path: Path) -> np.ndarray:
    values = _numbers(path, np.int64)
    if values.size and values.shape[1] != 1:
        raise UserError(f"{path}: a line holds {values.shape[1]} numbers, expected one")
    return values.reshape(-1)


def _categories(path: Path) -> Tensor | None:
    if not path.is_file():
        return None
    columns = _numbers(path, np.int64).T
    return torch.from_numpy(np.stack([np.unique(column, return_inverse=True)[1] for column in columns], axis=1))


def _attributes(path: Path) -> Tensor | None:
    return torch.from_numpy(_numbers(path, np.float32)) if path.is_file() else None
