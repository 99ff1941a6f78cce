"""The features of a new graph in the order of those that were trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from graphcl.core.errors import UserError, nearest
from graphcl.core.words import counted
from graphcl.data.graphs.raw import RawGraph
from graphcl.data.report import DataReport


def match_features(raw: RawGraph, names: Sequence[str], width: int, report: DataReport) -> RawGraph:
    """The graph with its feature columns as they were in training.

    Columns are matched by name where both have names, else by position.

    Args:
        raw: The new graph.
        names: Of the columns that were trained on; empty when they were numbered.
        width: Their number.
        report: Gets how they were matched, where that is not by name.

    Raises:
        UserError: columns are missing (named, with the nearest that is there), or another number of them.
    """
    if names and raw.feature_names:
        require_features(names, raw.feature_names, raw.source)
        if raw.x is None or list(names) == raw.feature_names:
            return raw
        order = torch.tensor([raw.feature_names.index(name) for name in names])
        return replace(raw, x=raw.x.index_select(1, order), feature_names=list(names))
    found = 0 if raw.x is None else raw.x.shape[1]
    if found != width:
        there = "no features" if raw.x is None else counted(found, "feature")
        wanted = f" ({_listed(names)})" if names else ""
        raise UserError(f"{raw.source}: {there}, the run was trained on {width:,}{wanted}")
    if names or raw.feature_names:
        report.note("features are matched by position: only one of the two graphs names its columns")
    return raw


def require_features(names: Sequence[str], there: Sequence[str], where: object) -> None:
    """Refuse columns ``there`` among which some of ``names`` are not.

    Raises:
        UserError: names those that are missing, and the nearest to the first.
    """
    missing = [name for name in names if name not in there]
    if missing:
        close = nearest(missing[0], [name for name in there if name not in names])
        hint = f"; nearest to {missing[0]!r}: {close!r}" if close else ""
        lacking = f"{len(missing)} of the {counted(len(names), 'feature')} of the run"
        raise UserError(f"{where}: lacks {lacking}: {_listed(missing)}{hint}")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:10])) + (", ..." if len(names) > 10 else "")
