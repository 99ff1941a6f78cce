"""What comes after graphs that are windows of one series: what forecasts are judged by."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Future(Protocol):
    """The values in and after each window. Evaluation alone reads them."""

    @property
    def room(self) -> Tensor:
        """[G], how many rows after each window belong to one part, the part of the first of them."""
        ...

    def before(self, numbers: Tensor) -> Tensor:
        """[n, window, C], the values of these windows."""
        ...

    def after(self, numbers: Tensor, horizon: int) -> Tensor:
        """[n, horizon, C], the values after each, in the scale of :meth:`before`."""
        ...
