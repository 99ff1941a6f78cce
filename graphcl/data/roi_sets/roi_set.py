"""The data part of brain scans: each a graph of regions in sliding windows, made when a batch is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from graphcl.core.errors import UserError
from graphcl.core.options import Count, Index, Share, UserPath
from graphcl.core.registry import register
from graphcl.core.words import counted, listed, spanned
from graphcl.data.cards import FromCard, open_card
from graphcl.data.graph_sets.graph_set import GraphSet
from graphcl.data.graph_sets.packed import hash_of
from graphcl.data.graphs.build import check_labels
from graphcl.data.parts_of_arrays import class_codes, split_of_sizes
from graphcl.data.report import DataReport
from graphcl.data.roi_sets.abide import ABIDE, Strategy, fetch_abide
from graphcl.data.roi_sets.files import read_scans
from graphcl.data.roi_sets.packed import PackedScans
from graphcl.data.roi_sets.scans import FEWEST, Constant, leave_out, make_scans
from graphcl.data.series_sets.raw import RawSeriesSet

#: Scans that are made where no data is named.
GENERATED = 90


@dataclass(frozen=True, eq=False)
class RoiSet(GraphSet):
    """A set of graphs whose graphs are scans; ``packed`` is :class:`PackedScans`."""

    packed: PackedScans  # type: ignore[assignment]

    def save(self, folder: Path) -> None:
        """See :meth:`GraphSet.save`."""
        from graphcl.data.roi_sets.storage import save_scans

        save_scans(self, folder)


@register("data", "roi_set", example={"window": 40, "stride": 20}, task="graph")
class RoiSetData(FromCard):
    """Brain scans that have a class each: regions over time, as graphs of connectivity in sliding windows.

    By name: ``generated`` (scans made by a formula; offline), a data card (``abide-nyu``), or ``abide``, whose files
    are downloaded one by one. By path: a folder of ``.1D``, ``.csv``, ``.tsv``, ``.txt`` or ``.npy`` files with a row
    a sample and a column a region, and a table ``labels.csv`` (``participants.tsv``, ``phenotype.csv``) with the
    file, its label and perhaps its site; or an ``.npz`` with ``X`` [n, time, regions] and ``y``, or with ``x`` [time of
    all, regions], ``ptr`` [n + 1] and ``subject``.

    Node features are a region's correlations with all regions in a window, itself included, and the strongest pairs of
    each window are edges. Sites are the groups of the data: ``eval.split=groups`` leaves each out in turn.
    """

    ships: ClassVar[tuple[str, ...]] = (ABIDE,)

    part = "roi_set"

    def __init__(
        self,
        name: str = "generated",
        path: UserPath = "",
        window: Index = 40,
        stride: Count = 40,
        share: Share = 0.1,
        k: Index = 0,
        constant: Constant = "zero",
        label: str = "",
        group: str = "",
        sites: list[str] | None = None,
        strategy: Strategy = "filt_global",
        atlas: str = "cc200",
        *,
        data_root: Path | None = None,
    ) -> None:
        """
        Args:
            name: Data set: generated, the name of a card, or abide.
            path: A folder or file of series; wins over name.
            window: Samples of a window; 0 takes the whole scan as one.
            stride: Samples from one window to the next.
            share: Of the pairs of regions of a window, the strongest that are edges.
            k: Strongest partners of each region that it is joined to, in the place of the share; 0: the share.
            constant: What becomes of a scan with a region that never changes: all correlations of the region are 0,
                or the scan is skipped.
            label: Column of the class in the table; without it one called label, diagnosis, dx_group or so.
            group: Column of what parts scans; without it one called site, site_id or so.
            sites: Of abide: sites to take, NYU say; without it all.
            strategy: Of abide: whether signals were band-pass filtered and the global signal removed.
            atlas: Of abide: what regions are of (cc200, cc400, aal, ho, ez, tt, dosenbach160).
            data_root: Folder in which named data sets are looked up first.
        """
        self.name, self.path, self.window, self.stride = name, path, window, stride
        self.share, self.k, self.constant = share, k, constant
        self.label, self.group, self.data_root = label, group, data_root
        self.sites, self.strategy, self.atlas = sites or [], strategy, atlas

    @staticmethod
    def read(folder: Path) -> RoiSet:
        """The scans that a run keeps in its folder.

        Raises:
            UserError: not such a folder, damaged, or of another format version.
        """
        from graphcl.data.roi_sets.storage import load_scans

        return load_scans(folder)

    def load(self, *, seed: int) -> RoiSet:
        """Read and check; correlations are computed with a batch.

        Args:
            seed: Of the run; draws the folds of evaluation.

        Raises:
            UserError: the data cannot be found or used.
        """
        raw, report = self._located(seed)
        leave_out(raw, self.window, self.constant)
        y, names = (None, []) if raw.labels is None else class_codes(raw.labels, raw.class_names, raw.source)
        labels = check_labels(y, len(raw.values), raw.source, "scans")
        return self._made(raw, labels, report, seed=seed, class_names=names, split=split_of_sizes(raw.sizes))

    def load_unseen(self, trained_on: RoiSet) -> RoiSet:
        """Read scans to embed with what was trained on others: the same regions, without labels.

        Args:
            trained_on: Whose regions the new scans must have.

        Raises:
            UserError: the data cannot be found or used, or has other regions.
        """
        raw, report = self._located(0)
        leave_out(raw, self.window, self.constant, trained_on.packed.regions)
        return self._made(raw, torch.full((len(raw.values),), -1), report)

    def _located(self, seed: int) -> tuple[RawSeriesSet, DataReport]:
        if 0 < self.window < FEWEST:
            told = f"{self.window} samples say nothing of correlation; give {FEWEST} or more, or 0"
            raise UserError(f"data.window: {told}")
        if self.path:
            path = Path(self.path)
            if not path.exists():
                raise UserError(
                    f"data.path: {path} does not exist; give a folder of .1D, .csv or .npy files, or an .npz"
                )
            return read_scans(path, self.label, self.group), DataReport(str(path), "regions", {"all": str(path)})
        if self.name == "generated":
            return make_scans(GENERATED, seed), DataReport(source="generated (synthetic)", format="regions")
        if self.name == ABIDE:
            folder, notes = fetch_abide(self.sites, self.strategy, self.atlas, self.data_root)
            report = DataReport(ABIDE, "regions", {"all": str(folder)}, notes=notes)
            return read_scans(folder, self.label, self.group), report
        _, folder, report = open_card(self.name, "graph", self.data_root, "roi_set")
        report.format = "regions"
        return read_scans(folder, self.label, self.group), report

    def _made(self, raw: RawSeriesSet, labels: torch.Tensor, report: DataReport, **fields: Any) -> RoiSet:
        # Correlations do not depend on the mean, and single precision is finer without it.
        scans = [torch.from_numpy(np.subtract(values, values.mean(axis=0))).float() for values in raw.values]
        packed = PackedScans.of(scans, self.window, self.stride, self.share, self.k)
        for note in raw.notes:
            report.note(note)
        classes, windows, time = int(labels.max()) + 1, packed.windows, packed.time_ptr.diff()
        told = f"{classes} classes" if classes else "no labels"
        report.note(
            f"{counted(len(packed), 'scan')} of {spanned(int(time.min()), int(time.max()), 'sample')} of "
            f"{counted(packed.regions, 'region')}, {told}; each "
            f"{spanned(int(windows.min()), int(windows.max()), 'window')}"
            + (f" of {self.window} samples" if self.window else ", the whole scan")
        )
        if classes and (unknown := int((labels < 0).sum())):
            report.note(f"scans without a label, trained on but not judged: {unknown:,}")
        if raw.groups:
            unknown = raw.groups.count("")
            report.note(f"groups: {listed(sorted({*raw.groups} - {''}), 20)}" + f"; of none: {unknown}" * bool(unknown))
        report.split_hash = hash_of(packed.series, packed.time_ptr, packed.above, labels, of=(self.window, self.stride))
        known: dict[str, Any] = {"seed": 0, "class_names": [], **fields}
        return RoiSet(packed, labels, ids=raw.ids, report=report, features="connectivity", groups=raw.groups, **known)
