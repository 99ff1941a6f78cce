"""Forecasts that need no training by gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

from graphcl.core.registry import register
from graphcl.data.series.series import Series
from graphcl.encode.windows import Windows

#: Rows of the table [m] -> what the baseline expects of the row after each, [m, C].
Forecast = Callable[[Tensor], Tensor]


class ForecastBaseline(Protocol):
    """Constructor: options."""

    def fits(self, series: Series) -> Iterator[tuple[Mapping[str, Any], Forecast]]:
        """Each setting with its forecaster, fitted on the training rows alone."""
        ...


@register("baseline", "persistence", example={}, tasks=("rca",))
class Persistence:
    """Every metric stays as it is."""

    def fits(self, series: Series) -> Iterator[tuple[Mapping[str, Any], Forecast]]:
        """Itself; nothing to choose."""
        yield {}, lambda rows: series.values.index_select(0, rows)


@register("baseline", "linear_var", example={"ridge": [1.0]}, tasks=("rca",))
class LinearVar:
    """A vector autoregression over as many rows as the task reads, by ridge regression; its penalty is chosen."""

    def __init__(self, ridge: list[float] = [0.1, 1.0, 10.0, 100.0, 1000.0]) -> None:  # noqa: B006 - never written to
        """
        Args:
            ridge: Penalties to choose from.
        """
        self.ridge = ridge

    def fits(self, series: Series) -> Iterator[tuple[Mapping[str, Any], Forecast]]:
        """Each penalty."""
        values = series.values.double()
        rows = torch.cat([torch.arange(*stretch) for stretch in series.stretches("train")])
        x, y = _past(values, rows, series.context), values.index_select(0, rows + 1)
        gram, both = x.T @ x, x.T @ y
        for ridge in self.ridge:
            weights = torch.linalg.solve(gram + ridge * torch.eye(len(gram), dtype=gram.dtype), both)
            yield {"ridge": ridge}, partial(_forecast, values, weights, series.context)


def _forecast(values: Tensor, weights: Tensor, lags: int, rows: Tensor) -> Tensor:
    return (_past(values, rows, lags) @ weights).float()


def _past(values: Tensor, rows: Tensor, lags: int) -> Tensor:
    """[m, C * lags + 1]: the last values before each forecast, and a one."""
    whole = Windows(values, torch.arange(len(values)), torch.zeros(len(values), dtype=torch.int64), torch.tensor([0]))
    past = whole.lagged(lags).flatten(1).index_select(0, rows)
    return torch.cat([past, past.new_ones(len(past), 1)], dim=1)
