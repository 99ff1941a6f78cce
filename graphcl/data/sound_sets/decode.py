"""One file -> samples, or the reason why there are none."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from graphcl.core.errors import require

SUFFIXES = (".wav", ".flac", ".ogg")
#: Sizes from here on are what programs write that do not know how long a recording will be.
_UNKNOWN = 0x7FFF0000


class Sound(NamedTuple):
    """Samples [n] in -1..1 and how many there are a second."""

    samples: np.ndarray
    rate: int


def decode(path: Path) -> Sound | str:
    """The sound of a WAV, FLAC or OGG file, of any depth, its channels mixed; or why it is skipped."""
    soundfile = require("soundfile", "audio")
    if _is_cut_off(path):  # of what the other formats lack the library itself complains
        return "truncated, damaged or no sound"
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (RuntimeError, OSError, ValueError, TypeError):  # the library's own errors are RuntimeErrors
        return "truncated, damaged or no sound"
    if not len(samples):
        return "without a sample"
    if not np.isfinite(samples).all():
        return "with samples that are no numbers"
    return Sound(samples.mean(axis=1), int(rate))


def _is_cut_off(path: Path) -> bool:
    """Whether a WAV file lacks more than a hundredth of the bytes that its header says it has."""
    try:
        with path.open("rb") as opened:
            head = opened.read(8)
        size = path.stat().st_size
    except OSError:
        return False
    told = int.from_bytes(head[4:], "little") + 8
    return head[:4] == b"RIFF" and size < 0.99 * told and told < _UNKNOWN


def rate_of(path: Path) -> int:
    """Samples a second as the file's header says; 0 where there is none."""
    soundfile = require("soundfile", "audio")
    try:
        return int(soundfile.info(path).samplerate)
    except (RuntimeError, OSError, ValueError, TypeError):
        return 0
