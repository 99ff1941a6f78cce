"""One file -> samples, or the reason why there are none."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from graphcl.core.errors import require

SUFFIXES = (".wav", ".flac", ".ogg")


class Sound(NamedTuple):
    """Samples [n] in -1..1 and how many there are a second."""

    samples: np.ndarray
    rate: int


def decode(path: Path) -> Sound | str:
    """The sound of a WAV, FLAC or OGG file, of any depth, its channels mixed; or why it is skipped."""
    soundfile = require("soundfile", "audio")
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (RuntimeError, OSError, ValueError, TypeError):  # the library's own errors are RuntimeErrors
        return "truncated, damaged or no sound"
    if not len(samples):
        return "without a sample"
    if not np.isfinite(samples).all():
        return "with samples that are no numbers"
    return Sound(samples.mean(axis=1), int(rate))


def rate_of(path: Path) -> int:
    """Samples a second as the file's header says; 0 where there is none."""
    soundfile = require("soundfile", "audio")
    try:
        return int(soundfile.info(path).samplerate)
    except (RuntimeError, OSError, ValueError, TypeError):
        return 0
