"""Compactness of a run's nodes as a picture and a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graphcl.core.errors import require
from graphcl.core.files import replacing

if TYPE_CHECKING:
    from rich.table import Table

#: Colour of the time before and after training: apart also without colour vision and in print.
COLOURS = {"before": "#9aa5b1", "after": "#1b6ca8"}


def draw_compactness(
    path: Path, columns: Mapping[str, np.ndarray], score: str, training: Sequence[tuple[int, float]] = ()
) -> None:
    """Draw distribution, dependence on degree, shares certified, and these over training where they were logged.

    Args:
        path: .png, .svg or .pdf.
        columns: See :class:`graphcl.serve.compactness.CompactnessReport`.
        score: ``bound``, or ``surrogate``, which is not a bound and is named so.
        training: (epoch, share certified).

    Raises:
        MissingExtra: matplotlib is not installed.
        UserError: it cannot be written.
    """
    figure_class = require("matplotlib.figure", "report").Figure
    panels = [_distribution, _against_degree, _certified]
    figure = figure_class(figsize=(4.2 * (len(panels) + bool(training)), 3.6), layout="constrained")
    axes = figure.subplots(1, len(panels) + bool(training), squeeze=False)[0]
    name = "lower bound of compactness" if score == "bound" else "surrogate (not a bound)"
    for axis, panel in zip(axes, panels, strict=False):
        panel(axis, columns, score, name)
    if training:
        epochs, shares = zip(*training, strict=True)
        axes[-1].plot(epochs, shares, color=COLOURS["after"], marker="." if len(epochs) < 30 else "")
        axes[-1].set(xlabel="epoch", ylabel="share certified", title="certified over training", ylim=_from_zero(shares))
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    with replacing(path) as temporary:
        options = {"metadata": {"Date": None}} if path.suffix == ".svg" else {}
        figure.savefig(temporary, format=path.suffix.lstrip(".").lower(), dpi=150, **options)


def _distribution(axis: Any, columns: Mapping[str, np.ndarray], score: str, name: str) -> None:
    both = np.concatenate([columns[f"{score}_{stage}"] for stage in COLOURS])
    edges = np.histogram_bin_edges(both, bins=40)
    for stage, colour in COLOURS.items():
        axis.hist(columns[f"{score}_{stage}"], edges, color=colour, alpha=0.7, label=f"{stage} training")
    axis.axvline(0, color="black", linewidth=0.8)
    axis.locator_params(axis="x", nbins=5)
    axis.set(xlabel=name, ylabel="nodes (both views)", title="distribution")
    axis.legend(frameon=False)


def _against_degree(axis: Any, columns: Mapping[str, np.ndarray], score: str, name: str) -> None:
    for stage, colour in COLOURS.items():
        # Degree 0 lies at the left edge: the axis is linear up to 1.
        axis.scatter(columns["degree"], columns[f"{score}_{stage}"], s=9, color=colour, alpha=0.5, linewidths=0)
    axis.axhline(0, color="black", linewidth=0.8)
    axis.set_xscale("symlog", linthresh=1)
    axis.set(xlabel="degree", ylabel=name, title="against degree", xlim=(-0.3, 1.3 * max(1, columns["degree"].max())))


def _certified(axis: Any, columns: Mapping[str, np.ndarray], score: str, name: str) -> None:
    """Of a bound: the share that is certain; of the surrogate: the share that is positive, which certifies nothing."""
    views = list(dict.fromkeys(columns["view"].tolist()))
    title = "share of nodes certified" if score == "bound" else "share positive (certifies nothing)"
    highest = 0.0
    for offset, (stage, colour) in zip((-0.2, 0.2), COLOURS.items(), strict=True):
        good = columns[f"certified_{stage}"] if score == "bound" else columns[f"{score}_{stage}"] > 0
        shares = [float(good[columns["view"] == view].mean()) for view in views]
        bars = axis.bar(np.arange(len(views)) + offset, shares, 0.38, color=colour)
        axis.bar_label(bars, fmt="%.3f", fontsize=8)
        highest = max(highest, *shares)
    axis.set_xticks(np.arange(len(views)), [f"view {view}" for view in views])
    axis.set(ylim=_from_zero([highest]), title=title)


def _from_zero(shares: Sequence[float]) -> tuple[float, float]:
    return -0.005, max(0.1, 1.12 * max(shares))


def compactness_table(summary: Sequence[Mapping[str, Any]], about: Mapping[str, Any]) -> Table:
    """The summary of a report, one row for each view and stage; the caption says what the score is and covers."""
    from rich import box
    from rich.table import Table

    covered = "; ".join(f"view {view}: {text}" for view, text in about["deletions"].items())
    table = Table(
        box=box.SIMPLE_HEAD, title="node compactness", title_justify="left", pad_edge=False, caption_justify="left",
        caption=f"{about['score']}\n{covered}",
    )  # fmt: skip
    for name in summary[0]:
        table.add_column(name.replace("_", " "), justify="left" if name in ("view", "training") else "right")
    for row in summary:
        table.add_row(*(f"{value:.4f}" if isinstance(value, float) else str(value) for value in row.values()))
    return table
