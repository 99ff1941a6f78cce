"""Augmenters of images that are graphs of patches: the patches are joined, the image is changed, and cut again.

What is done to the pixels is in :mod:`graphcl.augment.pixels`; each image has draws of its own. Patches keep the place
in the original image that they show (``place``), so that those of two views can be matched.
"""

from __future__ import annotations

from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from graphcl.augment.features import check_features
from graphcl.augment.pixels import (
    Windows,
    blur_pixels,
    chosen,
    draw_windows,
    jitter_pixels,
    luminance,
    mirror_windows,
    show_windows,
    some,
)
from graphcl.augment.plain import plain
from graphcl.augment.rebuild import ORIG_ID, map_tensors, uniform
from graphcl.core.errors import UserError
from graphcl.core.options import NonNegative, Probability, Share
from graphcl.core.registry import register
from graphcl.encode.base import KEPT, Graph
from graphcl.graph.patches import PatchGrid, build_patches, to_images
from graphcl.graph.places import PLACE, boxes, move_places

Below = Annotated[float, Field(ge=0.0, lt=1.0)]


def images_of(graph: Graph) -> Tensor:
    """[G, C, H, W], the images that a graph of patches shows.

    Raises:
        UserError: the graph is not one of patches, or its edges are to be found anew after some were taken out.
    """
    layout = graph.get("layout")
    if not isinstance(layout, PatchGrid):
        raise UserError("this augmenter needs images as graphs of patches (graphcl.graph.patches.build_patches)")
    check_features(graph)
    if layout.neighbours and (KEPT in graph or ORIG_ID in graph):
        raise UserError("augmenters of images find the edges of similar patches anew; put them before those of edges")
    return to_images(graph.x, layout)


def with_images(graph: Graph, images: Tensor, windows: Windows | None = None) -> Graph:
    """The graph of changed images; edges between similar patches are found anew.

    Args:
        graph: images as graphs of patches.
        images: [G, C, H, W], what they show now.
        windows: what that is of what they showed before; None: the same places.
    """
    layout: PatchGrid = graph.layout
    made = build_patches(images, layout)
    made.x = torch.cat([made.x[:, : layout.pixels], graph.x[:, layout.pixels :]], dim=1)

    def changed(_: Any, name: str, value: Tensor) -> Tensor:
        if name == PLACE and windows is not None:
            return move_places(value, boxes(layout.rows, layout.columns), *windows)
        return made[name] if name == "x" or (name == "edge_index" and layout.neighbours) else value.clone()

    result = map_tensors(graph, changed)
    if layout.neighbours and "_slice_dict" in vars(result._store):
        result._slice_dict = {**vars(result._store)["_slice_dict"], "edge_index": made._slice_dict["edge_index"]}
    return result


@plain
def crop_images(graph: Graph, area: Share, *, generator: torch.Generator) -> Graph:
    """Show a random piece of each image in the size of the image; see :func:`draw_windows`.

    Args:
        graph: images as graphs of patches.
        area: smallest share of the area that a piece has; 1 shows all.
        generator: source of the draws.

    Raises:
        UserError: see :func:`images_of`.
    """
    images = images_of(graph)
    if area == 1:
        return with_images(graph, images)
    windows = draw_windows(images, area, generator)
    return with_images(graph, show_windows(images, windows), windows)


@plain
def flip_images(graph: Graph, p: Probability, *, generator: torch.Generator) -> Graph:
    """Mirror each image left to right with probability ``p``. Not for digits and letters, which change their meaning.

    Raises:
        UserError: see :func:`images_of`.
    """
    images = images_of(graph)
    mirrored = chosen(images, p, generator)
    made = torch.where(mirrored[:, None, None, None], images.flip(3), images)
    return with_images(graph, made, mirror_windows(mirrored))


@plain
def jitter_images(
    graph: Graph,
    p: Probability,
    *,
    brightness: Below = 0.4,
    contrast: Below = 0.4,
    saturation: Below = 0.4,
    generator: torch.Generator,
) -> Graph:
    """Change brightness, contrast and saturation of each image with probability ``p``; see :func:`jitter_pixels`.

    Raises:
        UserError: see :func:`images_of`.
    """
    images = images_of(graph)
    made = jitter_pixels(images, brightness, contrast, saturation, generator=generator)
    return with_images(graph, some(images, made, p, generator))


@plain
def grey_images(graph: Graph, p: Probability, *, generator: torch.Generator) -> Graph:
    """Take the colours out of each image with probability ``p``; grey images stay as they are.

    Raises:
        UserError: see :func:`images_of`.
    """
    images = images_of(graph)
    return with_images(graph, some(images, luminance(images).expand_as(images), p, generator))


@plain
def blur_images(graph: Graph, p: Probability, *, sigma: NonNegative = 1.0, generator: torch.Generator) -> Graph:
    """Blur each image with probability ``p``, by a Gaussian of 0.1 to ``sigma`` pixels; see :func:`blur_pixels`.

    Raises:
        UserError: see :func:`images_of`.
    """
    images = images_of(graph)
    width = 0.1 + (max(sigma, 0.1) - 0.1) * uniform(len(images), images, generator)
    return with_images(graph, some(images, blur_pixels(images, width), p, generator))


@register("augmenter", "crop_images", example={"area": 0.5}, level="graph", stochastic=True, edges="patches")
class CropImages(nn.Module):
    """Shows a random piece of each image; see :func:`crop_images`."""

    def __init__(self, area: Share = 0.2) -> None:
        """
        Args:
            area: Smallest share of the image's area that is shown; 1 shows all.
        """
        super().__init__()
        self.area = area

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The graph of the pieces."""
        return crop_images(graph, self.area, generator=generator)


@register("augmenter", "flip_images", example={"p": 0.5}, level="graph", stochastic=True, edges="patches")
class FlipImages(nn.Module):
    """Mirrors images left to right; see :func:`flip_images`."""

    def __init__(self, p: Probability = 0.5) -> None:
        """
        Args:
            p: Probability that an image is mirrored.
        """
        super().__init__()
        self.p = p

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The graph with some images mirrored."""
        return flip_images(graph, self.p, generator=generator)


@register("augmenter", "jitter_images", example={"p": 0.5}, level="graph", stochastic=True, edges="patches")
class JitterImages(nn.Module):
    """Changes brightness, contrast and saturation; see :func:`jitter_images`."""

    def __init__(
        self, p: Probability = 0.8, brightness: Below = 0.4, contrast: Below = 0.4, saturation: Below = 0.4
    ) -> None:
        """
        Args:
            p: Probability that an image is changed.
            brightness: Most that the factor of all values differs from 1.
            contrast: Most that the factor of the distance from the mean grey differs from 1.
            saturation: Most that the factor of the distance of colours from their grey differs from 1.
        """
        super().__init__()
        self.p, self.strengths = p, {"brightness": brightness, "contrast": contrast, "saturation": saturation}

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The graph with some images changed."""
        return jitter_images(graph, self.p, **self.strengths, generator=generator)


@register("augmenter", "grey_images", example={"p": 0.5}, level="graph", stochastic=True, edges="patches")
class GreyImages(nn.Module):
    """Takes out colours; see :func:`grey_images`."""

    def __init__(self, p: Probability = 0.2) -> None:
        """
        Args:
            p: Probability that an image becomes grey.
        """
        super().__init__()
        self.p = p

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The graph with some images grey."""
        return grey_images(graph, self.p, generator=generator)


@register("augmenter", "blur_images", example={"p": 0.5}, level="graph", stochastic=True, edges="patches")
class BlurImages(nn.Module):
    """Blurs images; see :func:`blur_images`."""

    def __init__(self, p: Probability = 0.5, sigma: NonNegative = 1.0) -> None:
        """
        Args:
            p: Probability that an image is blurred.
            sigma: Largest standard deviation of the Gaussian, in pixels.
        """
        super().__init__()
        self.p, self.sigma = p, sigma

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The graph with some images blurred."""
        return blur_images(graph, self.p, sigma=self.sigma, generator=generator)
