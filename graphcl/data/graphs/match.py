"""The features of a new graph in the order of those that were trained on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from graphcl.core.errors import UserError, nearest
from graphcl.core.words import counted
from graphcl.data.report import DataReport


def match_features(
    x: Tensor | None, there: Sequence[str], where: str, *, names: Sequence[str], width: int, report: DataReport
) -> Tensor | None:
    """Feature columns [N, F] in the order in which they were trained on.

    Columns are matched by name where both have names, else by position.

    Args:
        x: Of the new graph; None without features.
        there: Names of its columns; empty when they are numbered.
        where: The new graph, for messages.
        names: Of the columns that were trained on; empty when they were numbered.
        width: Their number.
        report: Gets how they were matched, where that is not by name.

    Raises:
        UserError: columns are missing (named, with the nearest that is there), or another number of them.
    """
    if names and there:
        require_features(names, there, where)
        return x if x is None else x.index_select(1, torch.tensor([list(there).index(name) for name in names]))
    found = 0 if x is None else x.shape[1]
    if found != width:
        has = "no features" if x is None else counted(found, "feature")
        wanted = f" ({_listed(names)})" if names else ""
        raise UserError(f"{where}: {has}, the run was trained on {width:,}{wanted}")
    if names or there:
        report.note("features are matched by position: only one of the two graphs names its columns")
    return x


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
