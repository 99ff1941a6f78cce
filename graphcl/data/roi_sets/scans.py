"""Scans before they are graphs: which cannot be used, and made ones."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import numpy as np
import torch

from graphcl.core.errors import UserError
from graphcl.core.seeds import derive
from graphcl.core.words import counted
from graphcl.data.class_folders import Skipped
from graphcl.data.series_sets.raw import RawSeriesSet
from graphcl.data.values import LARGEST, beyond_float32
from graphcl.graph.connectivity import constant

#: What becomes of a scan with a region that never changes.
Constant = Literal["zero", "skip"]
#: Fewest samples of a window: a correlation of two is 1 or -1, whatever the regions do.
FEWEST = 3


def leave_out(raw: RawSeriesSet, window: int, how: Constant, regions: int = 0) -> None:
    """Leave out the scans of which no graph can be made, and say why.

    Args:
        raw: Told what was left out.
        window: Samples of a window; 0 takes all.
        how: Whether a constant region is 0 in all correlations, or its scan left out.
        regions: How many each must have; 0 takes what most have.

    Raises:
        UserError: nothing is left.
    """
    wanted = regions or Counter(values.shape[1] for values in raw.values).most_common(1)[0][0]
    skipped, silent, kept, names = Skipped(), list[str](), list[bool](), raw.ids or []
    for values, name in zip(raw.values, names, strict=True):
        why = _unusable(values, wanted, max(window, FEWEST))
        dead = 0 if why else int(constant(torch.from_numpy(values)).sum())
        if dead == wanted:
            why = "in which no region changes"
        elif dead and how == "skip":
            why = "with a region that never changes"
        elif dead:
            silent.append(name)
        if why:
            skipped.add(why, name)
        kept.append(not why)
    raw.keep(np.array(kept))
    raw.notes += skipped.notes("scan")
    if silent:
        raw.notes.append(
            f"{counted(len(silent), 'scan')} with a region that never changes, kept, its correlations being 0 (the "
            f"first: {silent[0]})"
        )
    if not raw.values:
        raise UserError(f"{raw.source}: no scan is left: {'; '.join(raw.notes)}")


def _unusable(values: np.ndarray, regions: int, fewest: int) -> str:
    if values.shape[1] != regions:
        return f"of other than {regions} regions"
    if not np.isfinite(values).all():
        return "with values that are no numbers"
    if beyond_float32(values) is not None:
        return f"with values beyond what float32 holds ({LARGEST:.2g})"
    return f"shorter than {counted(fewest, 'sample')}" if len(values) < fewest else ""


def make_scans(count: int, seed: int, regions: int = 24) -> RawSeriesSet:
    """Scans of 160 samples, the regions in four networks; in the second class two of these work together, by turns.

    The signal of a region is its network's, smooth in time, and noise. In the second class the first two networks have
    one signal in every other stretch of 40 samples.
    """
    rng = np.random.default_rng(derive(seed, "scans") % 2**32)
    smooth = np.hanning(9) / np.linalg.norm(np.hanning(9))
    network, time = np.arange(regions) % 4, np.arange(160)
    values = []
    for number in range(count):
        signal = np.stack([np.convolve(rng.standard_normal(168), smooth, "valid") for _ in range(4)])
        together = (time // 40 % 2 == rng.integers(2)) & (number % 2 == 1)
        signal[1] = np.where(together, signal[0], signal[1])
        values.append(signal[network].T + 1.2 * rng.standard_normal((160, regions)))
    groups = [f"site {number // 2 % 3}" for number in range(count)]
    return RawSeriesSet(
        values, np.arange(count) % 2, class_names=["apart", "by turns together"], groups=groups,
        ids=[f"scan {number}" for number in range(count)], source="generated scans",
    )  # fmt: skip
