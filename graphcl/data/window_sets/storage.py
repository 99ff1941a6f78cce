"""Sets of windows on disk, as a run keeps them: the table, and how windows are cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from graphcl.data.graph_sets.storage import fields_of, header_of, labels_of
from graphcl.data.graphs.tensors import read_tensors, write_tensors
from graphcl.data.series_sets.storage import scale_header, scale_of
from graphcl.data.window_sets.packed import TENSORS, PackedWindows
from graphcl.data.window_sets.window_set import WindowSet


def save_windows(data: WindowSet, folder: Path) -> None:
    """Write to a new folder, whole or not at all.

    Raises:
        UserError: the folder exists, or cannot be written.
    """
    packed = data.packed
    tensors = {name: getattr(packed, name) for name in TENSORS}
    cut = {"window": packed.window, "relative": packed.relative, "stride": data.stride}
    header = {**header_of(data), "scale": scale_header(data.scale), "cut": cut}
    write_tensors(folder, {**tensors, **labels_of(data)}, header)


def load_windows(folder: Path) -> WindowSet:
    """Read what :func:`save_windows` wrote.

    Raises:
        UserError: not such a folder, damaged, or of another format version.
    """
    return read_tensors(folder, _rebuilt)


def _rebuilt(tensors: dict[str, Tensor], header: dict[str, Any]) -> WindowSet:
    cut, scale = header["cut"], scale_of(header["scale"])
    packed = PackedWindows(
        **{name: tensors[name] for name in TENSORS}, window=cut["window"], relative=cut["relative"]
    )
    return WindowSet(packed, **fields_of(tensors, header), scale=scale, stride=cut["stride"])
