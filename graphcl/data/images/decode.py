"""One file -> pixels, or the reason why there are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from graphcl.core.errors import require
from graphcl.data.images.raw import SIDE


def decode(path: Path, size: int) -> np.ndarray | str:
    """[1 or 3, H, W] uint8 of a PNG or JPEG file, upright as its camera says.

    16-bit greys keep their upper byte, CMYK becomes RGB, what is transparent becomes white.

    Args:
        path: The file.
        size: Side of the square that its middle becomes; 0 keeps images of at most 64 pixels.

    Returns:
        The pixels; or why the file is skipped.
    """
    image_module, operations = require("PIL.Image", "images"), require("PIL.ImageOps", "images")
    try:
        with image_module.open(path) as opened:
            image = _plain(operations.exif_transpose(opened), image_module)
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


def _plain(image, image_module):  # type: ignore[no-untyped-def]
    """Grey (L) or RGB, 8 bits."""
    image.load()
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image).astype(np.float64)
        values = values / (257.0 if image.mode != "F" or values.max(initial=0) > 255 else 1.0)
        return image_module.fromarray(values.clip(0, 255).astype(np.uint8))
    if image.mode in ("LA", "PA", "RGBA", "RGBa", "La") or "transparency" in image.info:
        shown = image.convert("RGBA")
        ground = image_module.new("RGBA", shown.size, (255, 255, 255, 255))
        flat = image_module.alpha_composite(ground, shown).convert("RGB")
        return flat.convert("L") if image.mode in ("LA", "La", "L") else flat
    return image if image.mode in ("L", "RGB") else image.convert("L" if image.mode == "1" else "RGB")
