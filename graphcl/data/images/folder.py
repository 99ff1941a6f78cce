"""A folder of PNG and JPEG files, whose classes are the folders in it."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from graphcl.core.errors import UserError
from graphcl.core.tell import progress
from graphcl.core.words import counted
from graphcl.data.graphs.splits import PARTS
from graphcl.data.images.decode import decode
from graphcl.data.images.raw import SIDE, RawImages, class_codes, resized, with_channels
from graphcl.data.parts_of_arrays import split_of_sizes

SUFFIXES = (".png", ".jpg", ".jpeg")
_FOLDERS = {"train": ("train",), "valid": ("val", "valid"), "test": ("test",)}


def read_image_folder(folder: Path, size: int) -> RawImages:
    """Images of a folder. A folder in it is a class; ``train``, ``val`` and ``test`` in it are parts with classes.

    What is no image is skipped and counted.

    Args:
        folder: With the files, at any depth.
        size: Side of the squares that images become; 0 keeps them where they are all alike and of at most 64 pixels.

    Raises:
        UserError: no image is left.
    """
    listed = list(_listed(folder))
    files = [(path, base, part) for path, base, part in listed if path.suffix.lower() in SUFFIXES]
    others = [path.name for path, *_ in listed if path.suffix.lower() not in SUFFIXES]
    skipped = Counter({"not PNG or JPEG": len(others)})
    first = {"not PNG or JPEG": others[0] if others else ""}
    pixels, kept = [], []
    for (path, base, part), made in zip(files, _decoded([path for path, *_ in files], size), strict=True):
        if isinstance(made, str):
            skipped[made] += 1
            first.setdefault(made, str(path.relative_to(folder)))
            continue
        pixels.append(made)
        kept.append((path, base, part))
    notes = [f"skipped {counted(n, 'file')}, {why} (the first: {first[why]})" for why, n in skipped.items() if n]
    if not kept:
        told = f": {'; '.join(notes)}" if notes else ""
        raise UserError(f"data.path: {folder} holds no image that can be read{told}; give PNG or JPEG files")
    labels = [_label(path, base) for path, base, _ in kept]
    sizes = Counter(part for *_, part in kept)
    raw = RawImages(
        _one_size(pixels, notes),
        ids=[path.relative_to(folder).as_posix() for path, *_ in kept],
        split=split_of_sizes(dict(sizes)),
        source=str(folder),
        notes=notes,
    )
    if any(labels):
        raw.y, raw.class_names = class_codes(np.array(labels, dtype=object), [], folder)
    return raw


def _listed(folder: Path) -> list[tuple[Path, Path, str]]:
    """(file, folder whose folders are classes, part) in the order of the parts; hidden files are left out."""
    parts = {part: next((folder / n for n in names if (folder / n).is_dir()), None) for part, names in _FOLDERS.items()}
    if parts["train"] is None or parts["test"] is None:
        return [(path, folder, "") for path in _files(folder)]
    return [(path, base, part) for part in PARTS if (base := parts[part]) is not None for path in _files(base)]


def _files(folder: Path) -> list[Path]:
    """The files below, sorted by their place; a link out of the folder is followed once."""
    found = [Path(at) / name for at, _, names in os.walk(folder) for name in names if not name.startswith(".")]
    return sorted(path for path in found if path.is_file())


def _label(path: Path, base: Path) -> str:
    inside = path.relative_to(base).parts
    return inside[0] if len(inside) > 1 else ""


def _decoded(paths: list[Path], size: int) -> list[np.ndarray | str]:
    """What :func:`decode` makes of each, several at a time: Pillow works outside of Python's lock."""
    say, done = progress(), []
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for made in pool.map(lambda path: decode(path, size), paths):
            done.append(made)
            say(lambda: f"reading images: {len(done):,} of {len(paths):,}")
    return done


def _one_size(pixels: list[np.ndarray], notes: list[str]) -> torch.Tensor:
    """[G, C, H, W]: all coloured if one is, all squares if they differ in size."""
    channels = max(len(image) for image in pixels)
    if len({len(image) for image in pixels}) > 1:
        notes.append(f"{sum(len(image) == 1 for image in pixels):,} grey images among coloured ones got three channels")
    shapes = {image.shape[1:] for image in pixels}
    if len(shapes) == 1:
        return torch.cat([with_channels(torch.from_numpy(image)[None], channels) for image in pixels])
    notes.append(f"images of {len(shapes)} sizes became {SIDE} x {SIDE}")
    return torch.cat([with_channels(resized(torch.from_numpy(i)[None], SIDE, SIDE), channels) for i in pixels])
