"""A folder of PNG and JPEG files, whose classes are the folders in it."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from graphcl.core.errors import UserError, require
from graphcl.core.tell import progress
from graphcl.data.class_folders import Skipped, classes_of, list_files
from graphcl.data.images.decode import decode
from graphcl.data.images.depth import ALL, Depth
from graphcl.data.images.raw import SIDE, RawImages, resized, with_channels
from graphcl.data.parts_of_arrays import class_codes, split_of_sizes

SUFFIXES = (".png", ".jpg", ".jpeg")


def read_image_folder(folder: Path, size: int, bits: int = ALL) -> RawImages:
    """Images of a folder. A folder in it is a class; ``train``, ``val`` and ``test`` in it are parts with classes.

    What is no image is skipped and counted.

    Args:
        folder: With the files, at any depth.
        size: Side of the squares that images become; 0 keeps them where they are all alike and of at most 64 pixels.
        bits: That 16-bit greys use.

    Raises:
        UserError: no image is left, or a grey needs more bits.
    """
    skipped, files = Skipped(), []
    for file in list_files(folder, skipped):
        if file.path.suffix.lower() in SUFFIXES:
            files.append(file)
        else:
            skipped.add("not PNG or JPEG", file.name)
    pixels, kept, depth = [], [], Depth(bits)
    for file, made in zip(files, _decoded([file.path for file in files], size, depth), strict=True):
        if isinstance(made, str):
            skipped.add(made, file.name)
            continue
        pixels.append(made)
        kept.append(file)
    notes = skipped.notes() + depth.notes()
    if not kept:
        told = f": {'; '.join(notes)}" if notes else ""
        raise UserError(f"data.path: {folder} holds no image that can be read{told}; give PNG or JPEG files")
    labels, sizes = [file.label for file in kept], Counter(file.part for file in kept)
    raw = RawImages(
        _one_size(pixels, notes),
        ids=[file.name for file in kept],
        split=split_of_sizes(dict(sizes)),
        source=str(folder),
        notes=notes,
    )
    classes = classes_of(labels, notes)
    if classes is not None:
        raw.y, raw.class_names = class_codes(classes, [], folder)
    return raw


def _decoded(paths: list[Path], size: int, depth: Depth) -> list[np.ndarray | str]:
    """What :func:`decode` makes of each, several at a time: Pillow works outside of Python's lock."""
    say, done = progress(), []
    with warnings.catch_warnings(), ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        # A panorama is no attack; what is twice as large is skipped.
        warnings.simplefilter("ignore", require("PIL.Image", "images").DecompressionBombWarning)
        for made in pool.map(lambda path: decode(path, size, depth), paths):
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
