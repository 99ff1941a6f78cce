"""A folder of sounds, whose classes are the folders in it or are said by the names of the files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from graphcl.core.errors import UserError
from graphcl.core.tell import progress
from graphcl.data.class_folders import Listed, Skipped, classes_of, list_files
from graphcl.data.graphs.splits import PARTS
from graphcl.data.series_sets.raw import RawSeriesSet
from graphcl.data.sound_sets.decode import SUFFIXES, decode, rate_of
from graphcl.data.sound_sets.file_names import Named, NamePattern
from graphcl.data.sound_sets.frames import FrameLayout, log_mel, resampled_to


def read_sound_folder(
    folder: Path, layout: Callable[[int], FrameLayout], *, pattern: str = "", test_below: int = 0
) -> tuple[RawSeriesSet, FrameLayout]:
    """The sounds of a folder as series of frames. What is no sound is skipped and counted.

    Args:
        folder: With the files, at any depth.
        layout: Most frequent rate of the files -> frames; files of other rates than its are resampled.
        pattern: How names of files say their class, see :class:`NamePattern`; empty: a folder is a class, and
            ``train``, ``val`` and ``test`` are parts.
        test_below: Files of a lower ``NUMBER`` are the test part.

    Raises:
        UserError: no sound is left.
    """
    skipped, names = Skipped(), NamePattern(pattern) if pattern else None
    if test_below and (names is None or "NUMBER" not in names.fields):
        raise UserError("data.test_below: needs a data.pattern with NUMBER")
    listed = _sounds(folder, names, test_below, skipped)
    paths, notes = [file.path for file, _ in listed], list[str]()
    rates = Counter(rate for rate in map(rate_of, paths) if rate)
    made = layout(min(rate for rate in rates if rates[rate] == max(rates.values())) if rates else 16_000)
    frames, files = list[np.ndarray](), list[tuple[Listed, Named]]()
    for one, found in zip(listed, _frames(paths, made), strict=True):
        if isinstance(found, str):
            skipped.add(found, one[0].name)
        else:
            frames.append(found)
            files.append(one)
    if others := sum(rates.values()) - rates[made.rate]:
        notes.append(f"sounds of other rates, resampled to {made.rate:,} samples a second: {others:,}")
    notes += skipped.notes()
    if not files:
        told = f": {'; '.join(notes)}" if notes else ""
        raise UserError(f"data.path: {folder} holds no sound that can be read{told}; give WAV or FLAC files")
    labels, groups = [file.label for file, _ in files], [name.group for _, name in files]
    sizes = Counter(file.part for file, _ in files)
    raw = RawSeriesSet(
        list(frames),
        classes_of(labels, notes),
        {part: sizes[part] for part in PARTS if sizes[part]} if sizes["train"] and sizes["test"] else {},
        channels=[f"band {number}" for number in range(made.bands)],
        ids=[file.name for file, _ in files],
        groups=groups if any(groups) else None,
        source=str(folder),
        notes=notes,
    )
    return raw, made


def _sounds(folder: Path, names: NamePattern | None, test_below: int, skipped: Skipped) -> list[tuple[Listed, Named]]:
    """The files of sounds, those of a part together."""
    found = []
    for file in list_files(folder, skipped):
        name = Named() if names is None else names.read(file.path.stem)
        if file.path.suffix.lower() not in SUFFIXES:
            skipped.add("not WAV, FLAC or OGG", file.name)
        elif name is None:
            skipped.add("with a name of another form than data.pattern", file.name)
        else:
            part = file.part if not test_below else "test" if name.number < test_below else "train"
            found.append((replace(file, label=name.label or file.label, part=part), name))
    return sorted(found, key=lambda one: ("", *PARTS).index(one[0].part))


def _frames(files: list[Path], layout: FrameLayout) -> list[np.ndarray | str]:
    """The frames of each, or why there are none; several at a time, and never all samples in memory."""
    say, done = progress(), list[np.ndarray | str]()
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for made in pool.map(lambda path: _framed(path, layout), files):
            done.append(made)
            say(lambda: f"reading sounds: {len(done):,} of {len(files):,}")
    return done


def _framed(path: Path, layout: FrameLayout) -> np.ndarray | str:
    sound = decode(path)
    return sound if isinstance(sound, str) else log_mel(resampled_to(*sound, layout.rate), layout)
