"""One cell against published figures: trained as published, judged once on the published test file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks import tables
from benchmarks.cells import Cell, Suite, command


@dataclass(frozen=True)
class Published:
    """Figures of a paper or its code, and how near ours should come.

    Args:
        name: The suite's name; module ``benchmarks.NAME``.
        recipe: Recipe.
        data: Data set.
        overrides: Besides data, protocol and epochs.
        metrics: Metric -> published figure.
        tolerance: Relative: ours should be at least (1 - tolerance) of it.
        source: Of the figures.
        epochs: Most epochs.
        patience: Epochs without progress on validation.
    """

    name: str
    recipe: str
    data: str
    overrides: tuple[str, ...]
    metrics: Mapping[str, float]
    tolerance: float
    source: str
    epochs: int
    patience: int

    def suite(self, epochs: int, patience: int, seed: int) -> Suite:
        """The one cell. ``valid: refit``: epochs chosen on a tenth of train, then all of train, then test once."""
        overrides = [
            f"data={self.data}", "data.split.valid=refit", "train.monitor=ndcg@20", "eval.k=[20]",
            "eval.baselines=[popularity]", f"train.epochs={epochs}", f"train.patience={patience}",
            f"train.seed={seed}", *self.overrides,
        ]
        name = f"epochs-{epochs}-patience-{patience}-seed-{seed}"
        arguments = {"recipe": self.recipe, "overrides": overrides, "log": True, "keep": f"{self.name}-{name}"}
        return Suite(self.name, (Cell(name, "benchmarks.train_cell:train", arguments),))

    def command(self) -> None:
        """The module's command line: ``--epochs``, ``--patience``, ``--seed``."""
        command(self.suite, epochs=self.epochs, patience=self.patience, seed=0)

    def section(self) -> str:
        """The table of docs/benchmarks.md: every cell that was run, or the default one as not run."""
        suite = self.suite(self.epochs, self.patience, 0)
        records: dict[str, dict[str, Any] | None] = dict(suite.results()) or {suite.cells[0].name: None}
        names = list(self.metrics)
        aims = {name: value * (1 - self.tolerance) for name, value in self.metrics.items()}
        header = (f"{self.recipe} on {self.data}", *names, "aim", "epochs", "CPU", "wall", "peak memory")
        rows = [["published", *(tables.figure(self.metrics[name]) for name in names), *[""] * 5]]
        rows += [[f"ours, {name}", *self._figures(record, aims)] for name, record in records.items()]
        rows += self._means(records, aims)
        head = (
            f"Published: {self.source}. Aim: at least {' and '.join(f'{value:.4f}' for value in aims.values())}. "
            f"`data.split.valid=refit`: settings as published, epochs chosen on a tenth of train that is held back, "
            f"one more training on all of train for as many epochs, test read once."
        )
        return "\n\n".join([head, tables.table(header, rows)])

    def _means(self, records: Mapping[str, dict[str, Any] | None], aims: Mapping[str, float]) -> list[list[str]]:
        """A row for each setting that was trained with several seeds."""
        groups: dict[str, list[dict[str, Any]]] = {}
        for name, record in records.items():
            if record is not None:
                groups.setdefault(name.rpartition("-seed-")[0], []).append(record)
        rows = []
        for name, found in groups.items():
            if len(found) > 1:
                values = {metric: [record["metrics"][f"test/{metric}"] for record in found] for metric in aims}
                met = all((tables.mean(values[metric]) or 0.0) >= bound for metric, bound in aims.items())
                shown = [tables.mean_sd(of_metric) for of_metric in values.values()]
                rows.append([f"ours, {name}, {len(found)} seeds", *shown, "met" if met else "missed", *[""] * 4])
        return rows

    def _figures(self, record: dict[str, Any] | None, aims: Mapping[str, float]) -> list[str]:
        if record is None:
            return [tables.NOT_RUN] * (len(aims) + 5)
        values = {name: record["metrics"][f"test/{name}"] for name in aims}
        met = all(values[name] >= bound for name, bound in aims.items())
        protocol = record["protocol"]
        whole = not record["resumed"]  # else these are of the last process only
        return [
            *(tables.figure(value) for value in values.values()), "met" if met else "missed",
            str(protocol["best_epoch"]), f"{record['cpu_s'] / 60:.0f} min" if whole else "resumed",
            f"{record['wall_s'] / 60:.0f} min" if whole else "resumed", f"{record['peak_rss_mb']:,} MB",
        ]
