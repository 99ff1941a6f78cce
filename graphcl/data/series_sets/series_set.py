"""The data part of sets of series: each a chain of its samples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from graphcl.core.errors import UserError
from graphcl.core.options import Length, UserPath
from graphcl.core.registry import register
from graphcl.core.words import counted
from graphcl.data.cards import FromCard, open_card
from graphcl.data.report import DataReport
from graphcl.data.series_sets.arrays import make_waves, read_series_arrays
from graphcl.data.series_sets.chains_of_values import SeriesSet
from graphcl.data.series_sets.folder import read_series_folder
from graphcl.data.series_sets.make import make_set, make_unseen
from graphcl.data.series_sets.raw import RawSeriesSet, clean, resampled
from graphcl.data.series_sets.table import suffix_of
from graphcl.data.series_sets.ucr import SUFFIXES, find_pair, read_ucr

#: Series that are made where no data is named.
GENERATED = 150
LAYOUT = "a set of series is an .npz, a .ts or .tsv file, or a folder of CSV files"


@register("data", "series_set", example={}, task="graph")
class SeriesSetData(FromCard):
    """Series that have a class each, of any lengths, with one or several channels.

    By name: ``generated`` (waves made by a formula; offline) or a data card. By path: an ``.npz`` with ``X``
    [n, channels, time] and ``y``, or ``X_train``, ``y_train``, ``X_test``, ``y_test``, shorter series padded with NaN;
    a ``.ts`` or ``.tsv`` file of the UCR archive (``NAME_TRAIN`` and ``NAME_TEST`` are read together); a folder of CSV
    files, each a series, in which a folder is a class.
    """

    part = "series_set"
    #: Options that data to come have as the run has them.
    fixed: ClassVar[tuple[str, ...]] = ("scale",)

    def __init__(
        self,
        name: str = "generated",
        path: UserPath = "",
        scale: Literal["set", "series", "level", "none"] = "set",
        length: Length = 0,
        *,
        data_root: Path | None = None,
    ) -> None:
        """
        Args:
            name: Data set: generated, or the name of a card.
            path: A file or folder; wins over name.
            scale: Each channel less its mean, in standard deviations: those of the training series together (set), or
                of each series by itself (series); level: set, after each series less one mean and in one deviation of
                all its channels.
            length: Samples to which each series is brought by linear interpolation; 0 leaves lengths as they are.
            data_root: Folder in which named data sets are looked up first.
        """
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
        return make_set(raw, report, self.scale, seed)

    def load_unseen(self, trained_on: SeriesSet) -> SeriesSet:
        """Read series to embed with what was trained on others: the same channels, scaled as those were.

        Args:
            trained_on: Whose channels the new series must have.

        Raises:
            UserError: the data cannot be found or used, or has other channels.
        """
        return make_unseen(*self._cleaned(0), trained_on)

    def _cleaned(self, seed: int) -> tuple[RawSeriesSet, DataReport]:
        raw, report = self._located(seed)
        clean(raw)
        if self.length:
            shares = np.linspace(0, 1, self.length)
            raw.values = [resampled(values, np.linspace(0, 1, len(values)), shares) for values in raw.values]
            raw.notes.append(f"each series is brought to {counted(self.length, 'sample')}")
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
    if suffix_of(path) == ".csv":
        return read_series_folder, "CSV files"
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
