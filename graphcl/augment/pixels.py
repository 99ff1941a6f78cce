"""Changes of images in batches: [G, C, H, W] floats of 0..1 -> the same, each image with draws of its own."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from graphcl.augment.rebuild import uniform

#: Weights of red, green and blue in the luminance (ITU-R BT.601).
LUMINANCE = (0.299, 0.587, 0.114)
#: Sides of a crop are in proportions of 3 : 4 to 4 : 3.
MOST_OBLONG = 4 / 3


class Windows(NamedTuple):
    """What is shown of G images: a point u of the result is the point ``offset + scale * u`` of the image.

    Attributes:
        scale: [G, 2], of rows and of columns, which count from 0 to 1; negative where they are shown in reverse.
        offset: [G, 2].
    """

    scale: Tensor
    offset: Tensor


def chosen(images: Tensor, p: float, generator: torch.Generator) -> Tensor:
    """[G] bool, each true with probability ``p``."""
    return uniform(len(images), images, generator) < p


def some(images: Tensor, changed: Tensor, p: float, generator: torch.Generator) -> Tensor:
    """Each image is the changed one with probability ``p``."""
    return torch.where(chosen(images, p, generator)[:, None, None, None], changed, images)


def draw_windows(images: Tensor, area: float, generator: torch.Generator) -> Windows:
    """A random piece of each image, of ``area`` to all of its area (Szegedy et al., 2015)."""
    draws = uniform((4, len(images)), images, generator)
    share = area + (1 - area) * draws[0]
    oblong = torch.exp((2 * draws[1] - 1) * math.log(MOST_OBLONG)).sqrt()
    sides = torch.stack([share.sqrt() / oblong, share.sqrt() * oblong], dim=1).clamp_max(1.0)
    return Windows(sides, draws[2:].flip(0).T * (1 - sides))


def mirror_windows(mirrored: Tensor) -> Windows:
    """Some images [G] are shown with their columns in reverse."""
    columns = mirrored.float()
    scale = torch.stack([torch.ones_like(columns), 1 - 2 * columns], dim=1)
    return Windows(scale, torch.stack([torch.zeros_like(columns), columns], dim=1))


def show_windows(images: Tensor, windows: Windows) -> Tensor:
    """Pieces of images [G, C, H, W] in the size of the image."""
    centre = 2 * windows.offset + windows.scale - 1  # where the axes go from -1 to 1
    (height, width), (down, right) = windows.scale.T, centre.T
    zero = torch.zeros_like(width)
    theta = torch.stack([width, zero, right, zero, height, down], dim=1).view(-1, 2, 3)
    where = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, where, mode="bilinear", padding_mode="border", align_corners=False)


def crop_pixels(images: Tensor, area: float, *, generator: torch.Generator) -> Tensor:
    """A random piece of each image, of ``area`` to all of its area, in the size of the image."""
    return show_windows(images, draw_windows(images, area, generator))


def jitter_pixels(
    images: Tensor, brightness: float, contrast: float, saturation: float, *, generator: torch.Generator
) -> Tensor:
    """Scale each image's values, its distance from its mean grey, and of its colours from their grey.

    Each by a factor of ``1 - strength`` to ``1 + strength``; values stay in 0..1.
    """
    draws = uniform((3, len(images), 1, 1, 1), images, generator) * 2 - 1
    images = (images * (1 + brightness * draws[0])).clamp(0, 1)
    mean = luminance(images).mean((1, 2, 3), keepdim=True)
    images = (mean + (images - mean) * (1 + contrast * draws[1])).clamp(0, 1)
    grey = luminance(images)
    return (grey + (images - grey) * (1 + saturation * draws[2])).clamp(0, 1)


def luminance(images: Tensor) -> Tensor:
    """[G, C, H, W] -> [G, 1, H, W]."""
    if images.shape[1] == 1:
        return images
    return (images * images.new_tensor(LUMINANCE).view(1, 3, 1, 1)).sum(1, keepdim=True)


def blur_pixels(images: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur of each image, borders repeated.

    Args:
        images: [G, C, H, W].
        sigma: [G] standard deviations in pixels.
    """
    count, channels, height, width = images.shape
    if not images.numel():
        return images
    radius = min(max(1, math.ceil(2 * float(sigma.max()))), height - 1, width - 1)
    steps = torch.arange(-radius, radius + 1, device=images.device, dtype=images.dtype)
    kernel = torch.exp(-0.5 * (steps / sigma.clamp_min(1e-3)[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels, 0)
    lines = F.pad(images, (radius,) * 4, mode="replicate").view(1, count * channels, height + 2 * radius, -1)
    lines = F.conv2d(lines, kernel[:, None, None, :], groups=count * channels)
    return F.conv2d(lines, kernel[:, None, :, None], groups=count * channels).view_as(images)
