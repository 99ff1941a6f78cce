"""Records of several devices before they are graphs, and made ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphcl.core.errors import UserError, suggestion
from graphcl.core.seeds import derive
from graphcl.data.series_sets.raw import RawSeriesSet

AXES = ("x", "y", "z")


@dataclass
class RawDevices:
    """Records of any lengths by the same devices.

    Attributes:
        series: ``values`` [T, D * C] of each, the channels of the first device, those of the second, ...
        devices: D names.
        channels: C names, of those of one device.
    """

    series: RawSeriesSet
    devices: list[str]
    channels: list[str]

    def take(self, wanted: list[str]) -> None:
        """Leave only these devices, in this order.

        Raises:
            UserError: one that is not there, or twice.
        """
        unknown = [name for name in wanted if name not in self.devices]
        if unknown or len(set(wanted)) < len(wanted):
            told = "one is named twice"
            if unknown:
                told = f"no device {unknown[0]!r}{suggestion(unknown[0], self.devices)}"
            raise UserError(f"data.devices: {told}; devices of {self.series.source}: {', '.join(self.devices)}")
        width = len(self.channels)
        columns = np.concatenate([self.devices.index(name) * width + np.arange(width) for name in wanted])
        self.series.values = [values[:, columns] for values in self.series.values]
        self.devices = list(wanted)


def column_names(devices: list[str], channels: list[str]) -> list[str]:
    """Of the channels of all devices beside each other."""
    return [f"{device} {channel}" for device in devices for channel in channels]


def make_wearers(count: int, seed: int) -> RawDevices:
    """Records of 40 to 60 samples of three people who walk, run or climb, with four accelerometers.

    Wrist, hip and ankle feel one rhythm, each turned a little and with noise; the fourth lies on a table and
    measures nothing but noise. Activities differ in rhythm and in the shape of a step.
    """
    rng = np.random.default_rng(derive(seed, "wearers") % 2**32)
    sits = np.random.default_rng(0)  # how each device does, for all records
    axes = sits.standard_normal((4, 3)) + 0.15 * sits.standard_normal((3, 4, 3))
    rhythms, sharpness = (3.0, 5.0, 3.0), (0.3, 0.5, 1.0)
    labels, values = np.arange(count) % 3, list[np.ndarray]()
    for label in labels:
        length = int(rng.integers(40, 61))
        phase = 2 * np.pi * rhythms[label] * rng.uniform(0.9, 1.1) * np.arange(length) / 50 + rng.uniform(0, 2 * np.pi)
        step = np.stack([np.sin(phase), np.cos(phase), *(sharpness[label] * f(2 * phase) for f in (np.sin, np.cos))], 1)
        worn = [rng.uniform(0.8, 1.2) * step @ one.T for one in axes.transpose(0, 2, 1)]
        noise = rng.standard_normal((4, length, 3))
        values.append(np.concatenate([*(one + 0.3 * own for one, own in zip(worn, noise, strict=False)), noise[3]], 1))
    series = RawSeriesSet(
        values, labels, class_names=["walk", "run", "climb"], groups=[f"person {n // 3 % 3}" for n in range(count)],
        source="generated wearers",
    )  # fmt: skip
    return RawDevices(series, ["wrist", "hip", "ankle", "table"], list(AXES))
