"""Forecasts of one long series from frozen embeddings: ``python -m benchmarks.forecasts [--only NAME] [--jobs N]``.

The bar is a ridge regression on the raw window that the embedding is of, under the same probe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks import tables
from benchmarks.cells import Cell, Suite, command, data_root

SEEDS = 3


@dataclass(frozen=True)
class Series:
    """A series that is forecast.

    Attributes:
        tag: Of its cells.
        told: As the table names it.
        overrides: Of the recipe.
    """

    tag: str
    told: str
    overrides: tuple[str, ...]


SERIES = (
    Series("ot", "ETTh1, oil temperature alone", ("data.columns=[OT]",)),
    Series("all", "ETTh1, 7 channels, one set of weights", ("encoder.dim=16",)),
)


def cell(series: Series, seed: int, *, without: bool) -> Cell:
    """One run of the recipe, or of it with an augmenter that stays as it began."""
    overrides = ["data=etth1", *series.overrides, f"train.seed={seed}", "train.threads=1"]
    overrides += ["~phases=augmenter"] if without else []
    name = f"etth1-{series.tag}{'-without' if without else ''}-seed-{seed}"
    return Cell(name, "benchmarks.forecasts:judge", {"overrides": overrides})


CELLS = tuple(cell(series, seed, without=w) for seed in range(SEEDS) for series in SERIES for w in (False, True))
SUITE = Suite("forecasts", CELLS)


# --- cells -------------------------------------------------------------------------------------------


def judge(overrides: list[str]) -> dict[str, Any]:
    """Errors from the embedding, from it and the raw window, untrained, and from the raw window alone.

    ``ridge`` is of raw windows as they are, ``relative`` of windows less their last row, as the recipe has them.
    """
    import torch

    import graphcl
    from graphcl.tasks.graph_folds import case_of
    from graphcl.tasks.probes.forecast import Forecast

    root = data_root()
    fitted = graphcl.fit(graphcl.load("autotcl_forecast", *overrides), data_root=Path(root) if root else None)
    task: Any = fitted.task
    data, horizons = task.data, fitted.model.recipe["eval.probe_options.horizons"]
    windows = replace(data.packed, relative=False)
    values, absolute = windows.before(torch.arange(len(windows))).flatten(1), replace(data, packed=windows)
    beside, plain = Forecast(horizons, raw=True), Forecast(horizons)
    found = {
        "beside": beside.judge(case_of(fitted.embeddings["graph"], data, data.split), "test", seed=0),
        "ridge": plain.judge(case_of(values, absolute, data.split), "test", seed=0),
    }
    starts = {"ours": "test/", "relative": "baseline/flat_features/", "untrained": "baseline/random_encoder/"}
    for name, start in starts.items():
        found[name] = {key.removeprefix(start): x for key, x in fitted.metrics.items() if key.startswith(start)}
    return {"recipe": "autotcl_forecast", "overrides": overrides, "protocol": task.describe()["protocol"], **found}


# --- the report --------------------------------------------------------------------------------------


def section() -> str:
    """The table of docs/benchmarks.md."""
    head = (
        "`autotcl_forecast`: mean squared / mean absolute error, the means of 24, 48, 168, 336 and 720 hours ahead and "
        "over seeds; smaller is better. Values are z-scored by the first 8640 hours; a ridge regression on 168 hours "
        "is fitted on those, its strength chosen on the next 2880, and every hour of the following 2880 judged. The "
        "bars are the regression on the raw week, and on the week less its last value. AutoTCL is published with "
        ".080 / .213 (oil temperature) and .656 / .587 (7 channels)."
    )
    header = ("series", "bar: raw week", "bar: less its last value", "ours", "ours beside the raw week", "untrained",
              "augmenter not trained", "seeds", "CPU", "verdict")  # fmt: skip
    return f"{head}\n\n{tables.table(header, [_row(series) for series in SERIES])}"


def _row(series: Series) -> list[str]:
    ours, less = ([r for s in range(SEEDS) if (r := SUITE.result(cell(series, s, without=w)))] for w in (False, True))
    shown = [_errors(ours, name) for name in ("ridge", "relative", "ours", "beside", "untrained")]
    cpu = tables.median(record["cpu_s"] for record in ours)
    return [
        series.told, *shown, _errors(less, "ours"), f"{len(ours)} of {SEEDS}",
        tables.NOT_RUN if cpu is None else f"{cpu:.0f} s", _verdict(ours),
    ]  # fmt: skip


def _errors(records: Sequence[Mapping[str, Any]], name: str) -> str:
    if not records:
        return tables.NOT_RUN
    return " / ".join(f"{fmean(record[name][error] for record in records):.4f}" for error in ("mse", "mae"))


def _verdict(records: Sequence[Mapping[str, Any]]) -> str:
    if len(records) < SEEDS:
        return tables.NOT_RUN
    mean = {name: fmean(record[name]["mse"] for record in records) for name in ("ours", "ridge", "relative")}
    beaten = sum(mean["ours"] < mean[bar] for bar in ("ridge", "relative"))
    return ("does not beat its bars", "beats the raw week alone", "beats both bars")[beaten]


if __name__ == "__main__":
    command(SUITE)
