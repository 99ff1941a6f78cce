"""The data part of sets of moving skeletons: each a graph of its joints over time."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.options import Count, Index, Length, UserPath
from graphcl.core.registry import register
from graphcl.core.words import counted, spanned
from graphcl.data.cards import FromCard, open_card
from graphcl.data.graph_sets.graph_set import GraphSet
from graphcl.data.graph_sets.packed import hash_of
from graphcl.data.graphs.build import check_labels
from graphcl.data.parts_of_arrays import class_codes, split_of_sizes
from graphcl.data.report import DataReport
from graphcl.data.series_sets.raw import clean, order_by_groups, resampled
from graphcl.data.skeleton_sets.arrays import RawSkeletons, checked_bones, make_figures, read_skeleton_arrays
from graphcl.data.skeleton_sets.packed import PackedSkeletons

#: Sequences that are made where no data is named.
GENERATED = 90


@dataclass(frozen=True, eq=False)
class SkeletonSet(GraphSet):
    """A set of graphs whose graphs are skeletons over time.

    Attributes:
        bones: [B, 2].
        how: How positions are scaled.
        unit: What they are divided by where ``how`` is ``set``.
    """

    bones: Tensor = field(kw_only=True)
    how: str = field(kw_only=True)
    unit: float = field(kw_only=True)

    def save(self, folder: Path) -> None:
        """See :meth:`GraphSet.save`."""
        from graphcl.data.skeleton_sets.storage import save_skeletons

        save_skeletons(self, folder)


@register("data", "skeleton_set", example={"length": 8}, task="graph")
class SkeletonSetData(FromCard):
    """Moving skeletons that have a class each, of any lengths: graphs of joints over time.

    By name: ``generated`` (figures made by a formula; offline) or a data card (``msraction3d``). By path: an ``.npz``
    with ``X`` [n, time, joints, 2 or 3], shorter sequences padded with NaN, or with ``frames`` [time of all, joints, 2
    or 3] and ``offsets`` [n + 1]; beside them ``y``, ``subject`` and ``bones`` [B, 2].
    """

    part = "skeleton_set"

    def __init__(
        self,
        name: str = "generated",
        path: UserPath = "",
        length: Length = 32,
        centre: Index = 0,
        scale: Literal["set", "body", "none"] = "set",
        bones: list[list[Count]] | None = None,
        train_groups: list[str] | None = None,
        *,
        data_root: Path | None = None,
    ) -> None:
        """
        Args:
            name: Data set: generated, or the name of a card.
            path: An .npz; wins over name.
            length: Frames to which each sequence is brought by linear interpolation; 0 leaves lengths as they are.
            centre: Joint, from 1, whose place in the first frame becomes the origin; 0 takes the mean of all joints.
            scale: What positions are divided by: their deviation over the training sequences (set), the mean length
                of the bones of each sequence (body), or nothing.
            bones: Pairs of joints, from 1, where the file says none.
            train_groups: Subjects whose sequences train; those of the others are the test part.
            data_root: Folder in which named data sets are looked up first.
        """
        self.name, self.path, self.length, self.centre, self.scale = name, path, length, centre, scale
        self.bones, self.train_groups, self.data_root = bones or [], train_groups or [], data_root

    @staticmethod
    def read(folder: Path) -> SkeletonSet:
        """The skeletons that a run keeps in its folder.

        Raises:
            UserError: not such a folder, damaged, or of another format version.
        """
        from graphcl.data.skeleton_sets.storage import load_skeletons

        return load_skeletons(folder)

    def load(self, *, seed: int) -> SkeletonSet:
        """Read, fill in, centre and scale.

        Args:
            seed: Of the run; draws the folds of evaluation.

        Raises:
            UserError: the data cannot be found or used.
        """
        raw, report = self._cleaned(seed)
        series = raw.series
        if self.train_groups:
            order_by_groups(series, self.train_groups)
        where, given = series.source, series.labels
        y, names = (None, []) if given is None else class_codes(given, series.class_names, where)
        labels, split = check_labels(y, len(series.values), where, "sequences"), split_of_sizes(series.sizes)
        sequences = self._centred(raw)
        train = sequences if split is None else [sequences[number] for number in split.train.tolist()]
        unit = float(np.concatenate([one.ravel() for one in train]).std()) if self.scale == "set" else 1.0
        return self._made(raw, sequences, unit or 1.0, labels, report, seed, names=names, split=split)

    def load_unseen(self, trained_on: SkeletonSet) -> SkeletonSet:
        """Read skeletons to embed with what was trained on others: the same joints, scaled as those were.

        Args:
            trained_on: Whose joints the new skeletons must have.

        Raises:
            UserError: the data cannot be found or used, or has other joints.
        """
        raw, report = self._cleaned(0)
        joints, dims = trained_on.packed.joints, trained_on.packed.x.shape[1]  # type: ignore[attr-defined]
        if (raw.joints, raw.dims) != (joints, dims):
            own = f"{raw.joints} joints in {raw.dims} dimensions"
            raise UserError(f"{raw.series.source}: {own}; the run was trained on {joints} in {dims}")
        raw.bones, self.scale = trained_on.bones.numpy(), trained_on.how  # type: ignore[assignment]
        labels = torch.full((len(raw.series.values),), -1)
        return self._made(raw, self._centred(raw), trained_on.unit, labels, report, 0)

    def _cleaned(self, seed: int) -> tuple[RawSkeletons, DataReport]:
        raw, report = self._located(seed)
        if self.bones and not len(raw.bones):
            raw.bones = checked_bones(np.array(self.bones) - 1, raw.joints, "data.bones (from 1)")
        if not len(raw.bones):
            report.note("no bones are said: joints are linked along time alone")
        if self.centre > raw.joints:
            raise UserError(f"data.centre: joint {self.centre} of {raw.joints}")
        clean(raw.series)
        values = raw.series.values
        for number, rows in enumerate(values):
            where = np.linspace(0, 1, self.length or len(rows))
            made = resampled(rows, np.linspace(0, 1, len(rows)), where) if self.length else rows
            values[number] = np.where(np.isfinite(made), made, 0.0)  # a joint that is never seen
        return raw, report

    def _located(self, seed: int) -> tuple[RawSkeletons, DataReport]:
        if self.path:
            path = Path(self.path)
            if not path.is_file():
                raise UserError(f"data.path: {path} is no file; give an .npz of skeletons")
            return read_skeleton_arrays(path), DataReport(source=str(path), format="numpy", files={"all": str(path)})
        if self.name == "generated":
            return make_figures(GENERATED, seed), DataReport(source="generated (synthetic)", format="skeletons")
        card, folder, report = open_card(self.name, "graph", self.data_root, "skeleton_set")
        report.format = "numpy"
        return read_skeleton_arrays(folder / next(iter(card.files))), report

    def _centred(self, raw: RawSkeletons) -> list[np.ndarray]:
        """[T, J, D] each, the origin where the first frame has its centre, in lengths of bones where asked."""
        found = []
        for rows in raw.series.values:
            positions = rows.reshape(len(rows), raw.joints, -1)
            first = positions[0]
            positions = positions - (first[self.centre - 1] if self.centre else first.mean(axis=0))
            if self.scale == "body" and len(raw.bones):
                ends = positions[:, raw.bones]
                positions = positions / (np.linalg.norm(ends[:, :, 0] - ends[:, :, 1], axis=2).mean() or 1.0)
            found.append(positions)
        return found

    def _made(
        self,
        raw: RawSkeletons,
        sequences: list[np.ndarray],
        unit: float,
        labels: Tensor,
        report: DataReport,
        seed: int,
        *,
        names: list[str] | None = None,
        split: Any = None,
    ) -> SkeletonSet:
        bones, series = torch.from_numpy(raw.bones), raw.series
        packed = PackedSkeletons.of([torch.from_numpy(one / unit).float() for one in sequences], bones)
        lengths, classes = packed.sizes // raw.joints, int(labels.max()) + 1
        for note in series.notes:
            report.note(note)
        told = f"{classes} classes" if classes else "no labels"
        report.note(
            f"{counted(len(packed), 'sequence')} of {spanned(int(lengths.min()), int(lengths.max()), 'frame')}, "
            f"{counted(raw.joints, 'joint')}, {counted(len(bones), 'bone')}, {told}"
        )
        report.split_hash = hash_of(packed.x, packed.node_ptr, bones, labels)
        return SkeletonSet(
            packed, labels, seed, series.ids, names or [], report, "positions", list("xyz"[: raw.dims]), split,
            series.groups, bones=bones, how=self.scale, unit=unit,
        )  # fmt: skip
