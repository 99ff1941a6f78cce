"""Images before they are graphs."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from graphcl.data.graphs.splits import NodeSplit

#: Images that differ in size, or are larger, become squares of this side.
SIDE = 64
#: Images resized at a time.
CHUNK = 1024


@dataclass
class RawImages:
    """Images of one size.

    Attributes:
        pixels: [G, C, H, W] uint8, C being 1 or 3.
        y: [G] int64 classes, -1 where unknown; None without.
        ids: Names of the images, or None when they are numbered.
        class_names: Of the classes.
        split: Parts that the data has.
        source: Where they are from.
        notes: What was decided and left out.
    """

    pixels: Tensor
    y: Tensor | None = None
    ids: list[str] | None = None
    class_names: list[str] = field(default_factory=list)
    split: NodeSplit | None = None
    source: str = ""
    notes: list[str] = field(default_factory=list)


def resized(pixels: Tensor, height: int, width: int) -> Tensor:
    """[G, C, height, width] uint8, by antialiased bilinear interpolation; the same tensor where nothing changes."""
    if tuple(pixels.shape[2:]) == (height, width):
        return pixels
    made = (
        interpolate(part.float(), (height, width), mode="bilinear", antialias=True).round_().clamp_(0, 255).byte()
        for part in pixels.split(CHUNK)
    )
    return torch.cat(list(made))


def with_channels(pixels: Tensor, channels: int) -> Tensor:
    """Grey images as three equal channels, or coloured ones as their luminance (ITU-R BT.601)."""
    if pixels.shape[1] == channels:
        return pixels
    if channels == 3:
        return pixels.expand(-1, 3, -1, -1).contiguous()
    weight = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    grey = ((part.float() * weight).sum(1, keepdim=True).round_().byte() for part in pixels.split(CHUNK))
    return torch.cat(list(grey))
