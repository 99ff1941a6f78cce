"""Sets of scans on disk, as a run keeps them: a set of graphs, and how its windows are cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from graphcl.data.graph_sets.storage import fields_of, header_of, labels_of
from graphcl.data.graphs.tensors import read_tensors, write_tensors
from graphcl.data.roi_sets.packed import TENSORS, PackedScans
from graphcl.data.roi_sets.roi_set import RoiSet


def save_scans(data: RoiSet, folder: Path) -> None:
    """Write to a new folder, whole or not at all.

    Raises:
        UserError: the folder exists, or cannot be written.
    """
    tensors = {name: getattr(data.packed, name) for name in TENSORS}
    header = {**header_of(data), "window": data.packed.window, "stride": data.packed.stride}
    write_tensors(folder, {**tensors, **labels_of(data)}, header)


def load_scans(folder: Path) -> RoiSet:
    """Read what :func:`save_scans` wrote.

    Raises:
        UserError: not such a folder, damaged, or of another format version.
    """
    return read_tensors(folder, _rebuilt)


def _rebuilt(tensors: dict[str, Tensor], header: dict[str, Any]) -> RoiSet:
    packed = PackedScans(**{name: tensors[name] for name in TENSORS}, window=header["window"], stride=header["stride"])
    return RoiSet(packed, **fields_of(tensors, header))
