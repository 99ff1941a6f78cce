"""The encoder of windows: each metric's own past, in trend and rest."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphcl.core.options import Count, Index
from graphcl.core.registry import register
from graphcl.encode.base import Encoding, Graph, View
from graphcl.encode.layer import ActivationName, activate
from graphcl.encode.weights import uniform
from graphcl.encode.windows import Windows, read_windows


@register("tower", "window_encoder", example={"lags": 3, "trend": 2, "dim": 4})
class WindowEncoder(nn.Module):
    """Reads the last rows of a window, each metric by itself, so that what is read of one says nothing of others.

    A metric is parted along time into its trend, the mean of the last ``trend`` rows, and the rest; the last ``lags``
    values of both go through one linear map that all metrics share. The latent of a row has the metrics' latents side
    by side, [C * dim]. It depends on the past and on the row itself alone; before a window stands its first row.

    Filters have unit length, so that a penalty on what reads the latent cannot be evaded by a larger latent.

    Attributes:
        causal: True: a row's latent does not depend on later ones.
    """

    causal: ClassVar[bool] = True

    def __init__(
        self,
        lags: Count = 3,
        trend: Index = 0,
        dim: Index = 0,
        activation: ActivationName = "none",
        *,
        graph: Graph,
        generator: torch.Generator,
    ) -> None:
        """
        Args:
            lags: Rows that are read, the current one and those before it.
            trend: Rows over which the trend is a mean; 0 does not part the series.
            dim: Latents of each metric; 0 takes the values themselves, and nothing is learnt.
            activation: After the linear map.
            graph: Training windows, for the number of metrics (supplied).
            generator: Source of the initial weights (supplied).

        Raises:
            UserError: the graph is not one of windows.
        """
        super().__init__()
        self.lags, self.trend, self.activation = lags, trend, activation
        columns, width = read_windows(graph).x.shape[1], lags * (2 if trend else 1)
        self.out_dim = columns * (dim or width)
        self.filters = nn.Parameter(uniform((width, dim), width**-0.5, generator)) if dim else None
        self.bias = nn.Parameter(torch.zeros(dim)) if dim else None
        self.slope = nn.Parameter(torch.tensor(0.25)) if activation == "prelu" else None

    def forward(self, view: View, rows: Tensor | None = None) -> Encoding:
        """Encode all rows, or ``rows`` of them."""
        windows = read_windows(view.graph)
        past = self._past(windows)
        past = past if rows is None else past.index_select(0, rows)
        if self.filters is not None:
            assert self.bias is not None
            past = activate(past @ F.normalize(self.filters, dim=0) + self.bias, self.activation, self.slope)
        nodes = past.flatten(1)
        return Encoding(nodes, [windows.x, nodes], rows=rows)

    def _past(self, windows: Windows) -> Tensor:
        """[n, C, lags], or [n, C, 2 lags]: the rest, then the trend."""
        if not self.trend:
            return windows.lagged(self.lags)
        trend = windows.trend(self.trend)
        parts = (Windows(x, windows.pos, windows.batch, windows.ptr) for x in (windows.x - trend, trend))
        return torch.cat([part.lagged(self.lags) for part in parts], dim=2)
