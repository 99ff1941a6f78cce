"""From cleaned series to a set of chains, whatever the series are of."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.words import counted, listed, spanned
from graphcl.data.graph_sets.packed import hash_of
from graphcl.data.graphs.build import check_labels
from graphcl.data.parts_of_arrays import class_codes, split_of_sizes
from graphcl.data.report import DataReport
from graphcl.data.series_sets.chains_of_values import PackedChains, SeriesSet
from graphcl.data.series_sets.raw import RawSeriesSet, Scale

#: One series, one of its nodes, one of its channels.
Nouns = tuple[str, str, str]
NOUNS: Nouns = ("series", "sample", "channel")


def make_set(raw: RawSeriesSet, report: DataReport, how: str, seed: int, nouns: Nouns = NOUNS) -> SeriesSet:
    """Cleaned series as a set, in one scale.

    Args:
        raw: The series.
        report: Told what was read and decided.
        how: See :class:`~graphcl.data.series_sets.raw.Scale`.
        seed: Of the folds of evaluation.
        nouns: What series, samples and channels are called.

    Raises:
        UserError: labels of one class.
    """
    y, names = (None, []) if raw.labels is None else class_codes(raw.labels, raw.class_names, raw.source)
    labels = check_labels(y, len(raw.values), raw.source, _several(nouns[0]))
    split = split_of_sizes(raw.sizes)
    scale = Scale.of(how, raw.values if split is None else [raw.values[n] for n in split.train.tolist()])
    if scale.constant.any():
        channels = raw.channels or [str(n) for n in range(len(scale.mean))]
        silent = listed([channels[n] for n in np.flatnonzero(scale.constant)])
        raw.notes.append(f"channels that are constant, and say nothing: {silent}")
    packed = PackedChains.of([scale.apply(values) for values in raw.values])
    _describe(raw, packed, labels, report, nouns)
    return SeriesSet(
        packed, labels, seed, raw.ids, names, report, "values", raw.channels, split, raw.groups, scale=scale
    )


def make_unseen(raw: RawSeriesSet, report: DataReport, trained_on: SeriesSet, nouns: Nouns = NOUNS) -> SeriesSet:
    """Cleaned series to embed with what was trained on others.

    Raises:
        UserError: other channels.
    """
    width, names = trained_on.packed.x.shape[1], trained_on.feature_names
    if raw.channels and names and set(raw.channels) != set(names):
        own, known = ", ".join(raw.channels), ", ".join(names)
        raise UserError(f"{raw.source}: channels {own}; the run was trained on {known}")
    if raw.values[0].shape[1] != width:
        raise UserError(f"{raw.source}: {raw.values[0].shape[1]} channels, and the run was trained on {width}")
    order = [raw.channels.index(name) for name in names] if raw.channels and names else list(range(width))
    packed = PackedChains.of([trained_on.scale.apply(values[:, order]) for values in raw.values])
    labels = torch.full((len(packed),), -1)
    _describe(raw, packed, labels, report, nouns)
    return SeriesSet(packed, labels, 0, raw.ids, [], report, "values", names, scale=trained_on.scale)


def _describe(raw: RawSeriesSet, packed: PackedChains, labels: Tensor, report: DataReport, nouns: Nouns) -> None:
    """Notes, counts and hash into the report."""
    one, node, channel = nouns
    many = _several(one)
    for note in raw.notes:
        report.note(note)
    sizes, channels, classes = packed.sizes, packed.x.shape[1], int(labels.max()) + 1
    told = f"{classes} classes" if classes else "no labels"
    report.note(
        f"{len(packed):,} {one if len(packed) == 1 else many} of "
        f"{spanned(int(sizes.min()), int(sizes.max()), node)} in {counted(channels, channel)}, {told}"
    )
    if single := int((sizes == 1).sum()):
        report.note(f"{many} of a single {node}, kept: {single:,}")
    if classes and (unknown := int((labels < 0).sum())):
        report.note(f"{many} without a label, trained on but not judged: {unknown:,}")
    report.split_hash = hash_of(packed.x, packed.node_ptr, labels)


def _several(one: str) -> str:
    return one if one == "series" else f"{one}s"
