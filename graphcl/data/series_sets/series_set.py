"""The data part of sets of series: each a chain of its samples."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Batch as GraphBatch

from graphcl.core.errors import UserError
from graphcl.core.options import Index
from graphcl.core.registry import register
from graphcl.data.cards import open_card
from graphcl.data.graph_sets.graph_set import GraphSet
from graphcl.data.graph_sets.packed import PackedGraphs
from graphcl.data.graphs.build import check_labels
from graphcl.data.parts_of_arrays import class_codes, split_of_sizes
from graphcl.data.report import DataReport
from graphcl.data.series_sets.arrays import make_waves, read_series_arrays
from graphcl.data.series_sets.folder import read_series_folder
from graphcl.data.series_sets.raw import RawSeriesSet, Scale, clean, resampled
from graphcl.data.series_sets.ucr import SUFFIXES, find_pair, read_ucr
from graphcl.graph.batch import pointer
from graphcl.graph.chain import chain_layout

#: Series that are made where no data is named.
GENERATED = 150
LAYOUT = "a set of series is an .npz, a .ts or .tsv file, or a folder of CSV files"


@dataclass(frozen=True, eq=False)
class PackedChains(PackedGraphs):
    """Graphs that are chains of values; a batch says the place ``pos`` [n] of each node in its chain."""

    @classmethod
    def of(cls, series: list[Tensor]) -> PackedChains:
        """Each [n, C], a node a row, edges from each row to the next."""
        sizes = torch.tensor([len(values) for values in series])
        ptr = pointer(sizes)
        layout = chain_layout(ptr)
        starts = ptr[:-1].repeat_interleave(sizes - 1)
        return cls(torch.cat(series), layout["edge_index"] - starts, ptr, pointer(sizes - 1))

    def batch(self, numbers: Tensor | None = None) -> GraphBatch:
        """See :meth:`PackedGraphs.batch`."""
        made = super().batch(numbers)
        made.pos = torch.arange(len(made.x)) - made.ptr.index_select(0, made.batch)
        made._slice_dict["pos"] = made.ptr
        made._inc_dict["pos"] = torch.zeros(made.num_graphs, dtype=torch.int64)
        return made


@dataclass(frozen=True, eq=False)
class SeriesSet(GraphSet):
    """A set of graphs whose graphs are series; ``packed`` is :class:`PackedChains`.

    Attributes:
        scale: How the values were scaled, for series to come.
    """

    scale: Scale = field(kw_only=True)

    def save(self, folder: Path) -> None:
        """See :meth:`GraphSet.save`."""
        from graphcl.data.series_sets.storage import save_series

        save_series(self, folder)


@register("data", "series_set", example={}, task="graph", takes="array")
class SeriesSetData:
    """Series that have a class each, of any lengths, with one or several channels.

    By name: ``generated`` (waves made by a formula; offline) or a data card. By path: an ``.npz`` with ``X``
    [n, channels, time] and ``y``, or ``X_train``, ``y_train``, ``X_test``, ``y_test``, shorter series padded with NaN;
    a ``.ts`` or ``.tsv`` file of the UCR archive (``NAME_TRAIN`` and ``NAME_TEST`` are read together); a folder of CSV
    files, each a series, in which a folder is a class.
    """

    def __init__(
        self,
        name: str = "generated",
        path: str = "",
        scale: Literal["set", "series", "none"] = "set",
        length: Index = 0,
        *,
        data_root: Path | None = None,
        given: Any = None,
    ) -> None:
        """
        Args:
            name: Data set: generated, or the name of a card.
            path: A file or folder; wins over name.
            scale: Each channel less its mean, in standard deviations: those of the training series together, or of
                each series by itself.
            length: Samples to which each series is brought by linear interpolation; 0 leaves lengths as they are.
            data_root: Folder in which named data sets are looked up first.
            given: Not used: series in memory are written to an .npz.
        """
        if given is not None:
            raise UserError("series in memory are given as a file: numpy.savez('series.npz', X=..., y=...)")
        self.name, self.path, self.scale, self.length, self.data_root = name, path, scale, length, data_root

    @staticmethod
    def read(folder: Path) -> SeriesSet:
        """The series that a run keeps in its folder.

        Raises:
            UserError: not such a folder, damaged, or of another format version.
        """
        from graphcl.data.series_sets.storage import load_series

        return load_series(folder)

    def load(self, *, seed: int) -> SeriesSet:
        """Read, clean and scale.

        Args:
            seed: Of the run; draws the folds of evaluation.

        Raises:
            UserError: the data cannot be found or used.
        """
        raw, report = self._cleaned(seed)
        if len(raw.values) == 1:
            raise UserError(f"{raw.source}: there is one series, and nothing to contrast it with")
        y, names = (None, []) if raw.labels is None else class_codes(raw.labels, raw.class_names, raw.source)
        labels = check_labels(y, len(raw.values), raw.source, "series")
        split = split_of_sizes(raw.sizes)
        scale = Scale.of(self.scale, raw.values if split is None else [raw.values[n] for n in split.train.tolist()])
        if scale.constant.any():
            channels = raw.channels or [str(n) for n in range(len(scale.mean))]
            silent = ", ".join(channels[n] for n in np.flatnonzero(scale.constant))
            raw.notes.append(f"channels that are constant, and say nothing: {silent}")
        packed = PackedChains.of([scale.apply(values) for values in raw.values])
        _describe(raw, packed, labels, report)
        return SeriesSet(packed, labels, seed, raw.ids, names, report, "values", raw.channels, split, scale=scale)

    def load_unseen(self, trained_on: SeriesSet) -> SeriesSet:
        """Read series to embed with what was trained on others: the same channels, scaled as those were.

        Args:
            trained_on: Whose channels the new series must have.

        Raises:
            UserError: the data cannot be found or used, or has other channels.
        """
        raw, report = self._cleaned(0)
        width, names = trained_on.packed.x.shape[1], trained_on.feature_names
        if raw.channels and names and set(raw.channels) != set(names):
            own, known = ", ".join(raw.channels), ", ".join(names)
            raise UserError(f"{raw.source}: channels {own}; the run was trained on {known}")
        if raw.values[0].shape[1] != width:
            raise UserError(f"{raw.source}: {raw.values[0].shape[1]} channels, and the run was trained on {width}")
        order = [raw.channels.index(name) for name in names] if raw.channels and names else list(range(width))
        packed = PackedChains.of([trained_on.scale.apply(values[:, order]) for values in raw.values])
        labels = torch.full((len(packed),), -1)
        _describe(raw, packed, labels, report)
        return SeriesSet(packed, labels, 0, raw.ids, [], report, "values", names, scale=trained_on.scale)

    def _cleaned(self, seed: int) -> tuple[RawSeriesSet, DataReport]:
        raw, report = self._located(seed)
        clean(raw)
        if self.length:
            shares = np.linspace(0, 1, self.length)
            raw.values = [resampled(values, np.linspace(0, 1, len(values)), shares) for values in raw.values]
            raw.notes.append(f"each series is brought to {self.length:,} samples")
        return raw, report

    def _located(self, seed: int) -> tuple[RawSeriesSet, DataReport]:
        if self.path:
            path = Path(self.path)
            read, kind = _reader(path)
            return read(path), DataReport(source=str(path), format=kind, files={"all": str(path)})
        if self.name == "generated":
            return make_waves(GENERATED, seed), DataReport(source="generated (synthetic)", format="series")
        card, folder, report = open_card(self.name, "graph", self.data_root, "series_set")
        report.format = "numpy"
        return read_series_arrays(folder / next(iter(card.files))), report


def _reader(path: Path) -> tuple[Callable[[Path], RawSeriesSet], str]:
    if not path.exists():
        raise UserError(f"data.path: {path} does not exist; {LAYOUT}")
    if path.is_dir():
        pair = find_pair(path)
        if pair is not None:
            return (lambda _: read_ucr(pair)), "UCR archive"
        return read_series_folder, "CSV files"
    if path.suffix in SUFFIXES:
        return read_ucr, "UCR archive"
    if path.suffix in (".npz", ".npy"):
        return read_series_arrays, "numpy"
    raise UserError(f"data.path: {path} is none of these: {LAYOUT}")


def _describe(raw: RawSeriesSet, packed: PackedChains, labels: Tensor, report: DataReport) -> None:
    """Notes, counts and hash into the report."""
    for note in raw.notes:
        report.note(note)
    sizes, channels, classes = packed.sizes, packed.x.shape[1], int(labels.max()) + 1
    told = f"{classes} classes" if classes else "no labels"
    report.note(
        f"{len(packed):,} series of {int(sizes.min())} to {int(sizes.max())} samples in {channels} "
        f"channel{'s' * (channels > 1)}, {told}"
    )
    if single := int((sizes == 1).sum()):
        report.note(f"series of a single sample, kept: {single:,}")
    if classes and (unknown := int((labels < 0).sum())):
        report.note(f"series without a label, trained on but not judged: {unknown:,}")
    digest = hashlib.sha256()
    for tensor in (packed.x, packed.node_ptr, labels):
        digest.update(tensor.contiguous().numpy().tobytes())
    report.split_hash = digest.hexdigest()
