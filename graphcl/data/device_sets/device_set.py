"""The data part of sets of records that several devices measured at once: aligned chains, one a device."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from graphcl.core.errors import UserError
from graphcl.core.options import Count, Length, UserPath
from graphcl.core.registry import register
from graphcl.data.cards import FromCard, open_card
from graphcl.data.device_sets.arrays import read_device_arrays, virtual_accelerometers
from graphcl.data.device_sets.folder import read_device_folder
from graphcl.data.device_sets.raw import RawDevices, column_names, make_wearers
from graphcl.data.report import DataReport
from graphcl.data.series_sets.chains_of_values import PackedChains, SeriesSet
from graphcl.data.series_sets.make import Nouns, make_set, make_unseen
from graphcl.data.series_sets.raw import clean, order_by_groups, resampled
from graphcl.data.skeleton_sets.arrays import read_skeleton_arrays
from graphcl.data.skeleton_sets.packed import PackedSkeletons

NOUNS: Nouns = ("record", "sample", "channel")
#: Records that are made where no data is named.
GENERATED = 150


@dataclass(frozen=True, eq=False)
class DeviceSet(SeriesSet):
    """A set of graphs of devices over time: a node is a device at a moment, linked to itself in the next.

    Attributes:
        devices: Their names.
    """

    devices: list[str] = field(kw_only=True)

    @classmethod
    def of(cls, series: SeriesSet, devices: list[str], channels: list[str]) -> DeviceSet:
        """Of series that have the channels of all devices beside each other; ``channels`` are those of one."""
        chains, count = series.packed, len(devices)
        records = [rows.view(len(rows), count, -1) for rows in chains.x.split(chains.sizes.tolist())]
        given = {one.name: getattr(series, one.name) for one in fields(series)}
        packed = PackedSkeletons.of(records, torch.zeros(0, 2, dtype=torch.int64))
        return cls(**{**given, "packed": packed, "feature_names": channels}, devices=devices)

    def together(self) -> SeriesSet:
        """The series that :meth:`of` takes."""
        count = len(self.devices)
        rows = self.packed.x.reshape(len(self.packed.x) // count, -1).split((self.packed.sizes // count).tolist())
        names = column_names(self.devices, self.feature_names)
        given = {one.name: getattr(self, one.name) for one in fields(SeriesSet)}
        return SeriesSet(**{**given, "packed": PackedChains.of(list(rows)), "feature_names": names})

    def save(self, folder: Path) -> None:
        """See :meth:`~graphcl.data.graph_sets.graph_set.GraphSet.save`."""
        from graphcl.data.device_sets.storage import save_devices

        save_devices(self, folder)


@register("data", "device_set", example={"length": 8}, task="graph")
class DeviceSetData(FromCard):
    """Records that have a class each, of any lengths, by several devices at the same times.

    By name: ``generated`` (people who move, by a formula; offline) or a data card (``msr-devices``). By path: an
    ``.npz`` with ``X`` [n, devices, channels, time] and ``y``, or ``X_train``, ``y_train``, ..., shorter records padded
    with NaN, and perhaps ``devices`` (names) and ``subject`` [n]; a folder with a folder for each device, in which CSV
    files of one name are one record; or skeletons, on whose ``joints`` accelerometers are thought.
    """

    part = "device_set"

    def __init__(
        self,
        name: str = "generated",
        path: UserPath = "",
        devices: list[str] | None = None,
        joints: list[Count] | None = None,
        scale: Literal["set", "series", "level", "none"] = "set",
        length: Length = 0,
        train_groups: list[str] | None = None,
        *,
        data_root: Path | None = None,
    ) -> None:
        """
        Args:
            name: Data set: generated, or the name of a card.
            path: A file or folder; wins over name.
            devices: Names of those that are read, in this order; none given: all.
            joints: Of a file of skeletons the joints, from 1, that wear a virtual accelerometer: the second difference
                of their places.
            scale: Each channel less its mean, in standard deviations: those of the training records together (set), or
                of each record by itself (series); level: set, after each record less one mean and in one deviation of
                all its channels.
            length: Samples to which each record is brought by linear interpolation; 0 leaves lengths as they are.
            train_groups: People whose records train; those of the others are the test part.
            data_root: Folder in which named data sets are looked up first.
        """
        self.name, self.path, self.devices, self.joints = name, path, devices or [], joints or []
        self.scale, self.length, self.train_groups, self.data_root = scale, length, train_groups or [], data_root

    @staticmethod
    def read(folder: Path) -> DeviceSet:
        """The records that a run keeps in its folder.

        Raises:
            UserError: not such a folder, damaged, or of another format version.
        """
        from graphcl.data.device_sets.storage import load_devices

        return load_devices(folder)

    def load(self, *, seed: int) -> DeviceSet:
        """Read, clean and scale.

        Args:
            seed: Of the run; draws the folds of evaluation.

        Raises:
            UserError: the data cannot be found or used.
        """
        raw, report = self._cleaned(seed)
        if self.train_groups:
            order_by_groups(raw.series, self.train_groups)
        return DeviceSet.of(make_set(raw.series, report, self.scale, seed, NOUNS), raw.devices, raw.channels)

    def load_unseen(self, trained_on: DeviceSet) -> DeviceSet:
        """Read records to embed with what was trained on others: the same devices and channels, scaled as those were.

        Args:
            trained_on: Whose devices and channels the new records must have.

        Raises:
            UserError: the data cannot be found or used, or has other devices.
        """
        raw, report = self._cleaned(0)
        if raw.devices != trained_on.devices:
            own, known = ", ".join(raw.devices), ", ".join(trained_on.devices)
            raise UserError(f"{raw.series.source}: devices {own}; the run was trained on {known}")
        if set(raw.channels) != set(trained_on.feature_names):
            own, known = ", ".join(raw.channels), ", ".join(trained_on.feature_names)
            raise UserError(f"{raw.series.source}: channels {own}; the run was trained on {known}")
        unseen = make_unseen(raw.series, report, trained_on.together(), NOUNS)
        return DeviceSet.of(unseen, trained_on.devices, trained_on.feature_names)

    def _cleaned(self, seed: int) -> tuple[RawDevices, DataReport]:
        raw, report = self._located(seed)
        if self.devices:
            raw.take(self.devices)
        raw.series.channels = column_names(raw.devices, raw.channels)
        report.note(f"devices: {', '.join(f'{number} {name}' for number, name in enumerate(raw.devices, 1))}")
        clean(raw.series)
        if self.length:
            shares = np.linspace(0, 1, self.length)
            raw.series.values = [resampled(one, np.linspace(0, 1, len(one)), shares) for one in raw.series.values]
            raw.series.notes.append(f"each record is brought to {self.length:,} samples")
        return raw, report

    def _located(self, seed: int) -> tuple[RawDevices, DataReport]:
        if self.path:
            path = Path(self.path)
            if not path.exists():
                raise UserError(f"data.path: {path} does not exist; give an .npz, or a folder with one for each device")
            report = DataReport(source=str(path), format="devices", files={"all": str(path)})
            return read_device_folder(path) if path.is_dir() else self._of_file(path), report
        if self.name == "generated":
            return make_wearers(GENERATED, seed), DataReport(source="generated (synthetic)", format="devices")
        card, folder, report = open_card(self.name, "graph", self.data_root, "device_set")
        report.format = "devices"
        return self._of_file(folder / next(iter(card.files))), report

    def _of_file(self, path: Path) -> RawDevices:
        if self.joints:
            return virtual_accelerometers(read_skeleton_arrays(path), self.joints)
        return read_device_arrays(path)
