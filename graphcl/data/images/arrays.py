"""Images out of arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits

from graphcl.core.errors import UserError
from graphcl.data.images.depth import ALL, Depth
from graphcl.data.images.raw import SIDE, RawImages, resized
from graphcl.data.parts_of_arrays import class_codes, read_examples

NAMES = ("images", "x", "data")


def read_digits() -> RawImages:
    """scikit-learn's 1,797 handwritten digits of 8 x 8 pixels, which ship with it (Alpaydin and Kaynak, 1998)."""
    digits = load_digits()
    pixels = torch.from_numpy(np.round(digits.images * (255 / 16)).astype(np.uint8))[:, None]
    y = torch.from_numpy(digits.target.astype(np.int64))
    return RawImages(pixels, y, class_names=[str(name) for name in digits.target_names], source="digits (scikit-learn)")


def read_image_arrays(path: Path, size: int, bits: int = ALL) -> RawImages:
    """Images of an ``.npz`` (``images``, ``labels``; or ``train_images``, ... with the parts) or ``.npy``.

    Args:
        path: The file.
        size: Side of the squares that they become; 0 keeps images of at most 64 pixels as they are.
        bits: That 16-bit numbers use.

    Raises:
        UserError: nothing to read, arrays that are no images, parts of different kinds.
    """
    examples = read_examples(path, NAMES)
    depth = Depth(bits)
    parts = [as_pixels(values, str(path), depth) for values in examples.values]
    if len({part.shape[1:] for part in parts}) > 1:
        shapes = ", ".join(str(tuple(part.shape[1:])) for part in parts)
        raise UserError(f"{path}: the parts hold images of different shapes: {shapes}")
    pixels = torch.cat(parts)
    raw = RawImages(pixels, split=examples.split(), source=str(path), notes=depth.notes())
    height, width = pixels.shape[2:]
    if size or max(height, width) > SIDE:
        raw.pixels = resized(pixels, size or SIDE, size or SIDE)
        raw.notes.append(f"images resized from {height} x {width} to {size or SIDE} x {size or SIDE}")
    if examples.labels is not None:
        raw.y, raw.class_names = class_codes(examples.labels, examples.class_names, path)
    return raw


def as_pixels(values: np.ndarray, where: str, depth: Depth) -> torch.Tensor:
    """[G, 1 or 3, H, W] uint8 of [G, H, W], [G, H, W, C] or [G, C, H, W]; what is transparent becomes white.

    Bytes are taken as they are, 16-bit numbers by the upper byte of the bits that they use, fractions of 0..1 and
    numbers of 0..255 rounded.

    Raises:
        UserError: another shape, no images, a single pixel, or values out of range.
    """
    if values.ndim == 3:
        values = values[..., None]
    elif values.ndim == 4 and values.shape[3] not in (1, 3, 4) and values.shape[1] in (1, 3, 4):
        values = np.moveaxis(values, 1, 3)
    if values.ndim != 4 or values.shape[3] not in (1, 3, 4):
        raise UserError(f"{where}: images are [n, height, width], or that with 1, 3 or 4 channels; got {values.shape}")
    if not len(values) or min(values.shape[1:3]) < 2:
        raise UserError(f"{where}: images of at least 2 x 2 pixels are needed, got {len(values)} of "
                        f"{values.shape[1]} x {values.shape[2]}")
    pixels = _bytes(values, where, depth)
    if pixels.shape[3] == 4:
        opaque = pixels[..., 3:].astype(np.float32) / 255
        pixels = np.round(pixels[..., :3] * opaque + 255 * (1 - opaque)).astype(np.uint8)
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(pixels, 3, 1)))


def _bytes(values: np.ndarray, where: str, depth: Depth) -> np.ndarray:
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.uint16:
        return depth.to_bytes(values, where)
    if values.dtype.kind not in "fiub":
        raise UserError(f"{where}: images are numbers, got {values.dtype}")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        image = int(np.argmax(~np.isfinite(values).reshape(len(values), -1).all(axis=1)))
        raise UserError(f"{where}: image {image} holds values that are not finite; leave it out")
    low, high = values.min(), values.max()
    if low < 0 or high > 255:
        told = f"pixels go from {low:g} to {high:g} as {values.dtype}"
        raise UserError(f"{where}: {told}; give values of 0..1 or 0..255, or 16-bit numbers as uint16 (and data.bits)")
    scale = 255 if values.dtype.kind in "fb" and high <= 1 else 1
    return np.round(values.astype(np.float32) * scale).astype(np.uint8)
