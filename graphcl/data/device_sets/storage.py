"""Sets of records of devices on disk, as a run keeps them: their series, and the names of the devices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from graphcl.data.device_sets.device_set import DeviceSet
from graphcl.data.graph_sets.storage import labels_of, tensors_of
from graphcl.data.graphs.tensors import read_tensors, write_tensors
from graphcl.data.series_sets.storage import rebuilt, series_header_of


def save_devices(data: DeviceSet, folder: Path) -> None:
    """Write to a new folder, whole or not at all.

    Raises:
        UserError: the folder exists, or cannot be written.
    """
    series = data.together()
    header = {**series_header_of(series), "devices": data.devices, "of_a_device": data.feature_names}
    write_tensors(folder, {**tensors_of(series.packed), **labels_of(series)}, header)


def load_devices(folder: Path) -> DeviceSet:
    """Read what :func:`save_devices` wrote.

    Raises:
        UserError: not such a folder, damaged, or of another format version.
    """
    return read_tensors(folder, _rebuilt)


def _rebuilt(tensors: dict[str, Tensor], header: dict[str, Any]) -> DeviceSet:
    return DeviceSet.of(rebuilt(tensors, header), header["devices"], header["of_a_device"])
