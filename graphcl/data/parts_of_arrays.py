"""Examples with labels, in parts where there are any, out of a file of numpy arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.data.graphs.splits import PARTS, NodeSplit
from graphcl.data.graphs.tables import label_codes
from graphcl.data.numpy_files import why_unreadable

#: What a part is called in a file, beside nothing for a file without parts.
_PREFIXES = {"train": ("train",), "valid": ("val", "valid"), "test": ("test",)}
_LABELS = ("labels", "y", "label", "targets")


@dataclass
class Examples:
    """Examples in the order train, valid, test.

    Attributes:
        values: One array an example, or one array of all.
        labels: [G] their labels, or None.
        sizes: Part -> number of examples; empty where the file has no parts.
        class_names: Of the labels 0, 1, ..., where the file has them.
    """

    values: list[np.ndarray]
    labels: np.ndarray | None
    sizes: dict[str, int] = field(default_factory=dict)
    class_names: list[str] = field(default_factory=list)

    def split(self) -> NodeSplit | None:
        """The parts as positions, or None."""
        return split_of_sizes(self.sizes)


def split_of_sizes(sizes: dict[str, int]) -> NodeSplit | None:
    """The parts of examples that lie in the order train, valid, test; None without a training and a test part."""
    if not sizes.get("train") or not sizes.get("test"):
        return None
    counts = [sizes.get(part, 0) for part in PARTS]
    return NodeSplit(*torch.arange(sum(counts)).split(counts))


def class_codes(labels: np.ndarray, class_names: list[str], where: object) -> tuple[Tensor, list[str]]:
    """[G] classes and their names: ``class_names`` where whole numbers count them; numbers below 0 are unknown.

    Raises:
        UserError: real numbers, which name no classes.
    """
    values: list[object] = [None if isinstance(v, int) and v < 0 else v for v in labels.tolist()]
    codes, names = label_codes(pd.Series(values, dtype=object), where)
    if class_names and all(name.isdigit() and int(name) < len(class_names) for name in names):
        names = [class_names[int(name)] for name in names]
    return codes, names


def read_examples(path: Path, names: tuple[str, ...]) -> Examples:
    """Read ``NAME`` and its labels, or ``train_NAME``, ``val_NAME``, ``test_NAME`` (``NAME_train`` alike) and theirs.

    Args:
        path: An ``.npz``, or an ``.npy`` of examples without labels.
        names: What the examples may be called.

    Raises:
        UserError: the file cannot be read, or holds no such arrays, or not as many labels as examples.
    """
    arrays = open_arrays(path)
    if "" in arrays:
        return Examples([arrays[""]], None)
    found = {part: entry for part in PARTS if (entry := _part(arrays, _PREFIXES[part], names, path))}
    whole = None if found else _part(arrays, ("",), names, path)
    if not found and whole is None:
        have = ", ".join(sorted(arrays)) or "nothing"
        raise UserError(
            f"{path}: no array called {' or '.join(names)}, nor train_{names[0]} and test_{names[0]}; it holds {have}"
        )
    entries = list(found.values()) if whole is None else [whole]
    labels = [entry[1] for entry in entries]
    given = [values for values in labels if values is not None]
    if given and len(given) < len(labels):
        raise UserError(f"{path}: some parts have labels and others have none; give all or none")
    classes = [str(name) for name in arrays.get("classes", arrays.get("class_names", np.array([]))).ravel()]
    sizes = {part: len(entry[0]) for part, entry in found.items()}
    return Examples([entry[0] for entry in entries], np.concatenate(given) if given else None, sizes, classes)


def open_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an ``.npz`` by name; that of an ``.npy`` is called "".

    Raises:
        UserError: the file cannot be read.
    """
    try:
        opened = np.load(path, allow_pickle=False)
        return {"": opened} if isinstance(opened, np.ndarray) else {name: opened[name] for name in opened.files}
    except Exception as error:  # zip, zlib and numpy each have errors of their own for a damaged file
        raise UserError(f"{path}: cannot be read: {why_unreadable(error)}") from error


def _part(
    arrays: dict[str, np.ndarray], prefixes: tuple[str, ...], names: tuple[str, ...], path: Path
) -> tuple[np.ndarray, np.ndarray | None] | None:
    """(values, labels or None) of one part; None where it is not there."""
    for prefix in prefixes:
        values, labels = (_named(arrays, prefix, known) for known in (names, _LABELS))
        if values is None:
            continue
        if values.ndim == 0:
            raise UserError(f"{path}: the array of examples is a single number")
        if labels is not None and (labels.ndim == 0 or len(labels) != len(values) or labels.size != len(labels)):
            of = f"{prefix} " * bool(prefix)
            raise UserError(f"{path}: {len(values)} {of}examples, but labels of shape {labels.shape}; give one each")
        return values, None if labels is None else labels.reshape(len(labels))
    return None


def _named(arrays: dict[str, np.ndarray], prefix: str, names: tuple[str, ...]) -> np.ndarray | None:
    lower = {name.lower(): values for name, values in arrays.items()}
    for name in names:
        for full in (f"{prefix}_{name}", f"{name}_{prefix}") if prefix else (name,):
            if full.lower() in lower:
                return lower[full.lower()]
    return None
