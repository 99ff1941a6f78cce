"""Sets of sounds on disk, as a run keeps them: a set of series, and what its frames are."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from graphcl.data.graph_sets.storage import labels_of, tensors_of
from graphcl.data.graphs.tensors import read_tensors, write_tensors
from graphcl.data.series_sets.storage import rebuilt, series_header_of
from graphcl.data.sound_sets.frames import FrameLayout
from graphcl.data.sound_sets.sound_set import SoundSet


def save_sounds(data: SoundSet, folder: Path) -> None:
    """Write to a new folder, whole or not at all.

    Raises:
        UserError: the folder exists, or cannot be written.
    """
    header = {**series_header_of(data), "frames": asdict(data.layout)}
    write_tensors(folder, {**tensors_of(data.packed), **labels_of(data)}, header)


def load_sounds(folder: Path) -> SoundSet:
    """Read what :func:`save_sounds` wrote.

    Raises:
        UserError: not such a folder, damaged, or of another format version.
    """
    return read_tensors(folder, _rebuilt)


def _rebuilt(tensors: dict[str, Tensor], header: dict[str, Any]) -> SoundSet:
    return SoundSet.of(rebuilt(tensors, header), FrameLayout(**header["frames"]))
