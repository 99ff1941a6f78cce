"""A folder with a folder for each device: what lies in them under one name is one record."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from graphcl.core.errors import UserError
from graphcl.data.device_sets.raw import RawDevices
from graphcl.data.graphs.splits import PARTS
from graphcl.data.series_sets.folder import read_series_folder
from graphcl.data.series_sets.raw import RawSeriesSet, resampled


def read_device_folder(folder: Path) -> RawDevices:
    """Records of a folder of CSV files, as ``watch/walk/1.csv`` and ``phone/walk/1.csv``.

    Within a device's folder classes and parts are as :func:`~graphcl.data.series_sets.folder.read_series_folder` reads
    them. The files of a record begin and end at the same times: those with more samples than the shortest of them are
    brought to its number. A record that a device lacks is skipped and counted.

    Raises:
        UserError: fewer than two devices, devices of other channels, or no record that all have.
    """
    inside = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if len(inside) < 2:
        raise UserError(f"data.path: {folder} needs a folder for each of two devices or more, with CSV files in each")
    found = {path.name: read_series_folder(path) for path in inside}
    first = next(iter(found.values()))
    for name, series in found.items():
        if len(series.channels) != len(first.channels) or set(series.channels) != set(first.channels):
            own, other = ", ".join(series.channels), ", ".join(first.channels)
            raise UserError(f"{folder / name}: channels {own}, and {inside[0].name} has {other}; give all the same")
    notes = [f"{name}: {note}" for name, series in found.items() for note in series.notes]
    where = {name: {one: at for at, one in enumerate(series.ids or [])} for name, series in found.items()}
    shared = [one for one in first.ids or [] if all(one in places for places in where.values())]
    lost = len(set().union(*where.values())) - len(shared)
    if lost:
        notes.append(f"skipped {lost:,} record{'s' * (lost > 1)} that not every device has")
    if not shared:
        raise UserError(f"data.path: {folder}: no file has the same name in the folders of all devices")
    together = [_together([series.values[where[name][one]][:, _order(series, first)] for name, series in found.items()])
                for one in shared]
    if uneven := sum(changed for _, changed in together):
        notes.append(f"records whose devices have other numbers of samples, brought to the least: {uneven:,}")
    series = _joined(first, [where[inside[0].name][one] for one in shared], [values for values, _ in together])
    series.source, series.notes = str(folder), notes
    return RawDevices(series, list(found), list(first.channels))


def _order(series: RawSeriesSet, first: RawSeriesSet) -> list[int]:
    return [series.channels.index(name) for name in first.channels]


def _together(devices: list[np.ndarray]) -> tuple[np.ndarray, bool]:
    """[T, D * C], and whether anything was resampled."""
    shortest = min(map(len, devices))
    shares = np.linspace(0, 1, shortest)
    even = [one if len(one) == shortest else resampled(one, np.linspace(0, 1, len(one)), shares) for one in devices]
    return np.concatenate(even, axis=1), max(map(len, devices)) > shortest


def _joined(first: RawSeriesSet, places: list[int], values: list[np.ndarray]) -> RawSeriesSet:
    """Records with the labels and parts that their files of the first device have."""
    part_of = [part for part in PARTS for _ in range(first.sizes.get(part, 0))]
    sizes = Counter(part_of[place] for place in places) if part_of else Counter[str]()
    return RawSeriesSet(
        values,
        None if first.labels is None else first.labels[places],
        {part: sizes[part] for part in PARTS if sizes[part]},
        ids=[(first.ids or [])[place] for place in places],
    )
