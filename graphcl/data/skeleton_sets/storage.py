"""Sets of skeletons on disk, as a run keeps them: a set of graphs, its bones and the unit of its positions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from graphcl.data.graph_sets.storage import fields_of, header_of, labels_of
from graphcl.data.graphs.tensors import read_tensors, write_tensors
from graphcl.data.skeleton_sets.skeleton_set import PackedSkeletons, SkeletonSet

_TENSORS = ("x", "edge_index", "node_ptr", "edge_ptr")


def save_skeletons(data: SkeletonSet, folder: Path) -> None:
    """Write to a new folder, whole or not at all.

    Raises:
        UserError: the folder exists, or cannot be written.
    """
    tensors = {name: getattr(data.packed, name) for name in _TENSORS}
    joints = data.packed.joints  # type: ignore[attr-defined]
    header = {**header_of(data), "joints": joints, "how": data.how, "unit": data.unit}
    write_tensors(folder, {**tensors, **labels_of(data), "bones": data.bones}, header)


def load_skeletons(folder: Path) -> SkeletonSet:
    """Read what :func:`save_skeletons` wrote.

    Raises:
        UserError: not such a folder, damaged, or of another format version.
    """
    return read_tensors(folder, _rebuilt)


def _rebuilt(tensors: dict[str, Tensor], header: dict[str, Any]) -> SkeletonSet:
    packed = PackedSkeletons(**{name: tensors[name] for name in _TENSORS}, joints=header["joints"])
    kept = {"bones": tensors["bones"], "how": header["how"], "unit": header["unit"]}
    return SkeletonSet(packed, **fields_of(tensors, header), **kept)
