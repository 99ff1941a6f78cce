"""Tables of metrics: each row is forecast from those before it, so that what helps to forecast what can be told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from graphcl.core.build import build
from graphcl.core.errors import NonFiniteError
from graphcl.core.registry import register
from graphcl.data.series.series import Series
from graphcl.encode.base import Graph
from graphcl.graph.window import build_windows
from graphcl.tasks.base import Batch, Split
from graphcl.tasks.baselines.base import check_task
from graphcl.tasks.baselines.forecast import Forecast, ForecastBaseline


@register("task", "rca", example={}, rows=("predict",), types=(), data="series", monitor="closeness")
class RcaTask:
    """Forecasting the next value of every metric.

    A batch carries windows of the table (:func:`~graphcl.graph.window.build_windows`) under the field ``series``, and
    in its graph ``next`` [n, C], the row after each. Rows: ``predict``, the nodes whose next row is to be forecast;
    those before them in a window are context. A head on level ``nodes`` forecasts.

    Judged are the rows that embeddings hold under ``embed.latents``, one a node: a forecast of all columns.
    Metrics: ``error``, the mean squared error in units of the standard deviation that the table was scaled by, and
    ``closeness``, 1 / (1 + error): 1 for no error, larger is better.
    """

    rows: ClassVar[tuple[str, ...]] = ("predict",)
    types: ClassVar[tuple[str, ...]] = ()
    data_part: ClassVar[str] = "series"
    monitor: ClassVar[str] = "closeness"
    metrics: ClassVar[tuple[str, ...]] = ("closeness", "error")
    metric_names: ClassVar[tuple[str, ...]] = metrics
    #: a row's forecast may not have read the row after it
    ahead: ClassVar[Mapping[str, str]] = {"predict": "a tower that reads the past alone"}

    def __init__(
        self,
        score: Literal["norm", "permutation"] = "norm",
        baselines: Sequence[str] = ("persistence", "linear_var"),
        *,
        data: Series,
    ) -> None:
        """
        Args:
            score: How strongly one metric causes another is told: by the norm of the gate, or by how much the
                forecasting error rises when the cause's rows are shuffled.
            baselines: Names of the baselines beside the result.
            data: The table.

        Raises:
            UserError: an unknown baseline, or one of another task.
        """
        self.data, self.score = data, score
        for name in baselines:
            check_task(name, "rca")
        self._baselines: dict[str, ForecastBaseline] = {name: build("baseline", name, {}) for name in baselines}
        self._chosen: dict[str, Mapping[str, Any]] = {}
        self._windows = self._cut()
        self._next = torch.cat([data.values[1:], data.values[-1:]])

    def _cut(self) -> Tensor:
        """[E, 2]: first row to be forecast from, and the last one + 1, of each training window."""
        size, found = self.data.window, []
        for first, last in self.data.stretches("train"):
            found += [(begin, min(begin + (size or last), last)) for begin in range(first, last, size or last)]
        return torch.tensor(found)

    @property
    def judges(self) -> bool:
        """Whether any row is held out for test."""
        return bool(self.data.stretches("test"))

    @property
    def has_validation(self) -> bool:
        """Whether any row is held out for validation."""
        return bool(self.data.stretches("valid"))

    @cached_property
    def graphs(self) -> Mapping[str, Graph]:
        """``series``: the training rows, a window for each stretch."""
        spans = torch.tensor(self.data.stretches("train"))
        return {"series": self._graph(spans)}

    def _graph(self, spans: Tensor) -> Graph:
        """Windows that forecast from the rows ``spans`` [G, 2], with their context."""
        graph = build_windows(self.data.values, spans[:, 0] - self.data.context + 1, spans[:, 1])
        graph.next = self._next.index_select(0, graph.row)
        return graph

    def num_batches(self, batch_size: int) -> int:
        """Batches of an epoch; a size of 0 takes all windows at once."""
        return -(-self._per_epoch // batch_size) if batch_size else 1

    @property
    def _per_epoch(self) -> int:
        return min(self.data.per_epoch or len(self._windows), len(self._windows))

    def batches(self, batch_size: int, *, generator: torch.Generator, start: int = 0) -> Iterator[Batch]:
        """A random partition of the windows, or of as many of them as an epoch has."""
        order = torch.randperm(len(self._windows), generator=generator)[: self._per_epoch]
        for ids in order.split(batch_size or len(order))[start:]:
            yield self._batch(ids)

    def records(self, ids: Tensor) -> Mapping[str, Graph]:
        """These windows."""
        return {"series": self._graph(self._windows.index_select(0, ids))}

    def _batch(self, ids: Tensor) -> Batch:
        graphs = self.records(ids)
        predict = (graphs["series"].pos >= self.data.context - 1).nonzero().view(-1)
        return Batch(ids, {"predict": predict}, graphs, targets=predict.numel())

    def examples(self, split: Split) -> Iterator[Batch]:
        """The stretches of a split, each with its context; ``ids`` are rows of the table, one for each node."""
        for span in torch.tensor(self.data.stretches(split)).view(-1, 1, 2):
            graph = self._graph(span)
            predict = (graph.pos >= self.data.context - 1).nonzero().view(-1)
            yield Batch(graph.row, {"predict": predict}, {"series": graph}, targets=predict.numel())

    def evaluate(self, embeddings: Mapping[str, Tensor], split: Split, *, seed: int) -> dict[str, float]:
        """How far the forecasts of a split's rows are from what came; {} where the split has no rows.

        Args:
            embeddings: ``series`` -> [n, C], a forecast for each node of ``examples(split)``.
            split: ``valid`` or ``test``.
            seed: Of no effect.

        Raises:
            NonFiniteError: a forecast is NaN or infinite.
        """
        batches = list(self.examples(split))
        if not batches:
            return {}
        forecasts = embeddings["series"].detach().cpu()
        wanted = sum(len(batch.ids) for batch in batches), self.data.values.shape[1]
        if tuple(forecasts.shape) != wanted:
            raise ValueError(f"forecasts {list(forecasts.shape)} for {wanted[0]} rows of {wanted[1]} metrics")
        rows = torch.cat([batch.ids for batch in batches])
        ahead = torch.cat([batch.graphs["series"].pos >= self.data.context - 1 for batch in batches])
        return self._metrics(forecasts[ahead], rows[ahead])

    def _metrics(self, forecasts: Tensor, rows: Tensor) -> dict[str, float]:
        """Of forecasts [m, C] of what follows the rows [m]."""
        if not bool(torch.isfinite(forecasts).all()):
            raise NonFiniteError("forecasts hold NaN or infinite values")
        error = float((forecasts - self._next.index_select(0, rows)).double().square().mean())
        return {"closeness": 1.0 / (1.0 + error), "error": error}

    def baselines(self, *, seed: int) -> dict[str, dict[str, float]]:
        """Test metrics of each baseline, its settings chosen on validation (or taken first where there is none)."""
        test = self._rows("test")
        if not len(test):
            return {}
        found = {}
        for name, baseline in self._baselines.items():
            settings, forecast = self._best(baseline)
            self._chosen[name] = settings
            found[name] = self._metrics(forecast(test), test)
        return found

    def _rows(self, split: Split) -> Tensor:
        """The rows whose next one is forecast in a split."""
        spans = [torch.arange(*span) for span in self.data.stretches(split)]
        return torch.cat(spans) if spans else torch.zeros(0, dtype=torch.int64)

    def _best(self, baseline: ForecastBaseline) -> tuple[Mapping[str, Any], Forecast]:
        valid, fits = self._rows("valid"), list(baseline.fits(self.data))
        if not len(valid) or len(fits) == 1:
            return fits[0]
        errors = [self._metrics(forecast(valid), valid)["error"] for _, forecast in fits]
        return fits[min(range(len(fits)), key=errors.__getitem__)]

    def describe(self) -> dict[str, Any]:
        """Protocol, sizes and hash."""
        data = self.data
        return {
            "task": "rca",
            "protocol": (
                f"one row ahead, rows parted along time, {data.context} rows of context; "
                "errors in standard deviations of the rows that the scale was taken of"
            ),
            "columns": len(data.names),
            "rows": data.report.split.get("sizes", {}),
            "windows": len(self._windows),
            "score": self.score,
            "split_hash": data.report.split_hash,
            "baselines": {name: dict(settings) for name, settings in self._chosen.items()},
            "notes": [] if self.judges else ["nothing is judged on test: no row is held out for it"],
        }
