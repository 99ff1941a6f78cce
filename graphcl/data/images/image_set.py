"""The data part of images: each a graph of patches, made when a batch is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch_geometric.data import Batch as GraphBatch
from torch_geometric.data import Data

from graphcl.core.errors import UserError
from graphcl.core.options import Count, Index, UserPath
from graphcl.core.registry import register
from graphcl.core.words import counted
from graphcl.data.cards import FromCard, open_card
from graphcl.data.graph_sets.graph_set import GraphSet
from graphcl.data.graph_sets.packed import GraphSequence, hash_of
from graphcl.data.graphs.build import check_labels
from graphcl.data.images.arrays import read_digits, read_image_arrays
from graphcl.data.images.depth import ALL
from graphcl.data.images.folder import SUFFIXES, read_image_folder
from graphcl.data.images.raw import RawImages, resized, with_channels
from graphcl.data.report import DataReport
from graphcl.graph.patches import PatchGrid, build_patches


@dataclass(frozen=True, eq=False)
class PatchGraphs(GraphSequence):
    """Images that become graphs of patches when they are asked for.

    Attributes:
        pixels: [G, C, H, W] uint8.
        layout: How they are cut and joined.
    """

    pixels: Tensor
    layout: PatchGrid

    def __len__(self) -> int:
        return len(self.pixels)

    def at(self, number: int) -> Data:
        """One image as a graph."""
        return self.batch(torch.tensor([number])).get_example(0)

    @property
    def sizes(self) -> Tensor:
        """[G], the number of patches of each image."""
        return torch.full((len(self),), self.layout.nodes)

    def batch(self, numbers: Tensor | None = None) -> GraphBatch:
        """These images (all without ``numbers`` [B]) as one batch of graphs, pixels from 0 to 1."""
        chosen = self.pixels if numbers is None else self.pixels.index_select(0, numbers)
        return build_patches(chosen.float() / 255, self.layout)


@dataclass(frozen=True, eq=False)
class ImageSet(GraphSet):
    """A set of graphs whose graphs are images; ``packed`` is :class:`PatchGraphs`."""

    packed: PatchGraphs  # type: ignore[assignment]

    def save(self, folder: Path) -> None:
        """See :meth:`GraphSet.save`."""
        from graphcl.data.images.storage import save_images

        save_images(self, folder)


@register("data", "images", example={"name": "digits", "limit": 120}, task="graph")
class ImagesData(FromCard):
    """Images, each a graph of patches whose node features are the pixels.

    By name: ``digits`` (scikit-learn's, 8 x 8; offline) or a data card. By path: a folder of PNG and JPEG files
    (needs the extra `images`), in which a folder is a class, or ``train``, ``val`` and ``test`` with such folders; one
    such file, to be embedded; or an ``.npz`` with ``images`` [n, height, width] or with channels, and ``labels``, or
    ``train_images``, ``train_labels``, ``test_images`` and so on.
    """

    part = "images"

    def __init__(
        self,
        name: str = "digits",
        path: UserPath = "",
        size: Annotated[int, Field(ge=0, le=4096)] = 0,
        patch: Index = 0,
        edges: Literal["grid", "knn", "both"] = "grid",
        k: Count = 9,
        positions: bool = True,
        margin: Index = 0,
        limit: Index = 0,
        bits: Annotated[int, Field(ge=8, le=ALL)] = ALL,
        *,
        data_root: Path | None = None,
    ) -> None:
        """
        Args:
            name: Data set: digits, or the name of a card.
            path: A folder of images, an .npz or an .npy; wins over name.
            size: Side of the squares that images are made; 0 keeps those that are alike and of at most 64 pixels, and
                makes others 64.
            patch: Side of a patch; 0 takes the one that divides the image and gives about eight a side.
            edges: Between patches that touch, from the most similar patches of the image, or both.
            k: How many similar patches.
            positions: Whether node features end with the patch's row and column, one-hot.
            margin: Pixels around a patch that its node holds too, so that patches overlap and an edge between two is
                seen whole.
            limit: Most images; 0 takes all. Not for data with parts.
            bits: That 16-bit pixels use; of so many the upper 8 are read. 12 for most scanners.
            data_root: Folder in which named data sets are looked up first.
        """
        self.name, self.path, self.size, self.patch = name, path, size, patch
        self.edges, self.k, self.positions, self.margin = edges, k, positions, margin
        self.limit, self.bits, self.data_root = limit, bits, data_root

    @staticmethod
    def read(folder: Path) -> ImageSet:
        """The images that a run keeps in its folder.

        Raises:
            UserError: not such a folder, damaged, or of another format version.
        """
        from graphcl.data.images.storage import load_images

        return load_images(folder)

    def load(self, *, seed: int) -> ImageSet:
        """Read and check; nothing is cut yet.

        Args:
            seed: Of the run; draws the folds of evaluation.

        Raises:
            UserError: the data cannot be found or used, or the patches do not divide the image.
        """
        raw, report = self._raw()
        labels = check_labels(raw.y, len(raw.pixels), raw.source, "images")
        layout = self._layout(raw, report)
        return self._made(raw, labels, layout, report, seed)

    def load_unseen(self, trained_on: ImageSet) -> ImageSet:
        """Read images to embed with what was trained on others, in their size and colours, without labels.

        Args:
            trained_on: Whose patches the new images are cut into.

        Raises:
            UserError: the data cannot be found or used.
        """
        layout = trained_on.packed.layout
        raw, report = self._raw()
        raw.pixels = with_channels(raw.pixels, layout.channels)
        raw.pixels = resized(raw.pixels, layout.rows * layout.patch, layout.columns * layout.patch)
        raw.split, raw.class_names = None, []
        return self._made(raw, torch.full((len(raw.pixels),), -1), layout, report, 0)

    def _raw(self) -> tuple[RawImages, DataReport]:
        raw, report = self._located()
        if self.limit and self.limit < len(raw.pixels):
            if raw.split is not None:
                raise UserError("data.limit: the data has a training and a test part; a limit would cut the test part")
            raw.pixels, raw.y = raw.pixels[: self.limit], None if raw.y is None else raw.y[: self.limit]
            raw.ids = None if raw.ids is None else raw.ids[: self.limit]
            report.note(f"the first {self.limit:,} images")
        return raw, report

    def _located(self) -> tuple[RawImages, DataReport]:
        if self.path:
            path = Path(self.path)
            if not path.exists():
                raise UserError(f"data.path: {path} does not exist; give a folder of images or an .npz")
            report = DataReport(source=str(path), format="images", files={"all": str(path)})
            of_files = path.is_dir() or path.suffix.lower() in SUFFIXES
            return (read_image_folder if of_files else read_image_arrays)(path, self.size, self.bits), report
        if self.name == "digits":
            raw, report = read_digits(), DataReport(source="digits", format="scikit-learn")
            raw.pixels = resized(raw.pixels, self.size, self.size) if self.size else raw.pixels
            return raw, report
        card, folder, report = open_card(self.name, "graph", self.data_root, "images")
        report.format = "numpy"
        return read_image_arrays(folder / next(iter(card.files)), self.size, self.bits), report

    def _layout(self, raw: RawImages, report: DataReport) -> PatchGrid:
        """How the images are cut; an image that no patch divides is resized."""
        height, width = raw.pixels.shape[2:]
        patch = self.patch or fitting_patch(height, width)
        if not patch:
            patch = max(2, round(max(height, width) / 8))
            sides = [max(FEWEST, round(side / patch)) * patch for side in (height, width)]
            raw.pixels = resized(raw.pixels, *sides)
            report.note(
                f"no patch divides {height} x {width} pixels into {FEWEST} a side or more: "
                f"images resized to {sides[0]} x {sides[1]}"
            )
            height, width = sides
        if height % patch or width % patch:
            raise UserError(
                f"data.patch: {patch} does not divide images of {height} x {width} pixels; give a divisor, or data.size"
            )
        if height == patch and width == patch:
            raise UserError(f"data.patch: {patch} makes one patch of an image of {height} x {width}; give less, "
                            "so that there are several to relate")  # fmt: skip
        if self.margin > max(height, width):
            raise UserError(f"data.margin: {self.margin:,} pixels around a patch are more than the image has "
                            f"({height} x {width}); give fewer")  # fmt: skip
        return PatchGrid(
            channels=raw.pixels.shape[1],
            rows=height // patch,
            columns=width // patch,
            patch=patch,
            grid=self.edges != "knn",
            neighbours=0 if self.edges == "grid" else self.k,
            positions=self.positions,
            margin=self.margin,
        )

    def _made(self, raw: RawImages, labels: Tensor, layout: PatchGrid, report: DataReport, seed: int) -> ImageSet:
        for note in raw.notes:
            report.note(note)
        classes = int(labels.max()) + 1
        told = f"{classes} classes" if classes else "no labels"
        report.note(
            f"{counted(len(labels), 'image')} of {layout.rows * layout.patch} x {layout.columns * layout.patch} pixels "
            f"in {counted(layout.channels, 'channel')}, {told}; each a graph of {layout.rows} x "
            f"{layout.columns} patches of {layout.patch} x {layout.patch} pixels"
        )
        if classes and (unknown := int((labels < 0).sum())):
            report.note(f"images without a label, trained on but not judged: {unknown:,}")
        report.split_hash = hash_of(raw.pixels, labels, of=layout)
        packed = PatchGraphs(raw.pixels, layout)
        return ImageSet(packed, labels, seed, raw.ids, raw.class_names, report, "pixels", split=raw.split)


#: Patches a side that images have where nothing is said: recipes pool as many regions a side.
FEWEST = 4


def fitting_patch(height: int, width: int) -> int:
    """The side of a square patch that divides both sides into ``FEWEST`` or more, and one into about eight; 0: none."""
    fit = [p for p in range(2, min(height, width) // FEWEST + 1) if height % p == 0 and width % p == 0]
    return min(fit, key=lambda p: (abs(max(height, width) / p - 8), -p), default=0)
