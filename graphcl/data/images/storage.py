"""Images on disk, as a run keeps them: bytes as safetensors, the rest as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from graphcl.data.graph_sets.storage import fields_of, header_of, labels_of
from graphcl.data.graphs.tensors import read_tensors, write_tensors
from graphcl.data.images.image_set import ImageSet, PatchGraphs
from graphcl.graph.patches import PatchGrid


def save_images(data: ImageSet, folder: Path) -> None:
    """Write to a new folder, whole or not at all.

    Raises:
        UserError: the folder exists, or cannot be written.
    """
    header = {**header_of(data), "layout": data.packed.layout._asdict()}
    write_tensors(folder, {"pixels": data.packed.pixels, **labels_of(data)}, header)


def load_images(folder: Path) -> ImageSet:
    """Read what :func:`save_images` wrote.

    Raises:
        UserError: not such a folder, damaged, or of another format version.
    """
    return read_tensors(folder, _rebuilt)


def _rebuilt(tensors: dict[str, Tensor], header: dict[str, Any]) -> ImageSet:
    packed = PatchGraphs(tensors["pixels"], PatchGrid(**header["layout"]))
    return ImageSet(packed, **fields_of(tensors, header))
