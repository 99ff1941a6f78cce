"""Sets of series on disk, as a run keeps them: a set of graphs, and the scale of its values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from graphcl.data.graph_sets.storage import fields_of, header_of, labels_of, packed_of, tensors_of
from graphcl.data.graphs.tensors import read_tensors, write_tensors
from graphcl.data.series_sets.chains_of_values import PackedChains, SeriesSet
from graphcl.data.series_sets.raw import Scale


def save_series(data: SeriesSet, folder: Path) -> None:
    """Write to a new folder, whole or not at all.

    Raises:
        UserError: the folder exists, or cannot be written.
    """
    write_tensors(folder, {**tensors_of(data.packed), **labels_of(data)}, series_header_of(data))


def series_header_of(data: SeriesSet) -> dict[str, Any]:
    """The plain values of a set of series."""
    return {**header_of(data), "scale": scale_header(data.scale)}


def scale_header(scale: Scale) -> dict[str, Any]:
    """The plain values of a scale."""
    return {"how": scale.how, "mean": scale.mean.tolist(), "deviation": scale.deviation.tolist()}


def scale_of(kept: dict[str, Any]) -> Scale:
    """The inverse of :func:`scale_header`."""
    return Scale(kept["how"], np.array(kept["mean"]), np.array(kept["deviation"]))


def load_series(folder: Path) -> SeriesSet:
    """Read what :func:`save_series` wrote.

    Raises:
        UserError: not such a folder, damaged, or of another format version.
    """
    return read_tensors(folder, rebuilt)


def rebuilt(tensors: dict[str, Tensor], header: dict[str, Any]) -> SeriesSet:
    """The set of these tensors and values."""
    return SeriesSet(packed_of(tensors, PackedChains), **fields_of(tensors, header), scale=scale_of(header["scale"]))
