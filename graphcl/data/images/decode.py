"""One file -> pixels, or the reason why there are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from graphcl.core.errors import require
from graphcl.data.images.depth import Depth
from graphcl.data.images.raw import SIDE


def decode(path: Path, size: int, depth: Depth) -> np.ndarray | str:
    """[1 or 3, H, W] uint8 of a PNG or JPEG file, upright as its camera says.

    16-bit greys keep the upper byte of the bits that they use, CMYK becomes RGB, what is transparent becomes white.

    Args:
        path: The file.
        size: Side of the square that its middle becomes; 0 keeps images of at most 64 pixels.
        depth: Of 16-bit greys.

    Returns:
        The pixels; or why the file is skipped.

    Raises:
        UserError: a grey needs more bits than ``depth`` has.
    """
    image_module, operations = require("PIL.Image", "images"), require("PIL.ImageOps", "images")
    try:
        with image_module.open(path) as opened:
            image = _plain(operations.exif_transpose(opened), image_module, depth, path)
    except image_module.DecompressionBombError:
        return "too many pixels to be an image"
    except (OSError, SyntaxError, ValueError, EOFError):  # Pillow's own errors for damaged files
        return "truncated, damaged or no image"
    if min(image.size) < 2:
        return "smaller than 2 x 2 pixels"
    side = size or (SIDE if max(image.size) > SIDE else 0)
    if side and image.size != (side, side):
        image = operations.fit(image, (side, side), image_module.Resampling.BILINEAR)
    pixels = np.array(image)
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(np.moveaxis(pixels, 2, 0))


def _plain(image, image_module, depth, path):  # type: ignore[no-untyped-def]
    """Grey (L) or RGB, 8 bits."""
    image.load()
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image)
        whole = image.mode != "F" or values.max(initial=0) > 255
        pixels = depth.to_bytes(values, path) if whole else values.clip(0, 255).astype(np.uint8)
        return image_module.fromarray(pixels)
    if image.mode in ("LA", "PA", "RGBA", "RGBa", "La") or "transparency" in image.info:
        shown = image.convert("RGBA")
        ground = image_module.new("RGBA", shown.size, (255, 255, 255, 255))
        flat = image_module.alpha_composite(ground, shown).convert("RGB")
        return flat.convert("L") if image.mode in ("LA", "La", "L") else flat
    return image if image.mode in ("L", "RGB") else image.convert("L" if image.mode == "1" else "RGB")
