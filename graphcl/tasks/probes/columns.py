"""Columns of embeddings brought to one scale before a classifier is fitted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Columns:
    """Mean and deviation [d] of columns; one that is constant is divided by 1."""

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray) -> Columns:
        """Those of these rows."""
        deviation = x.std(axis=0)
        return cls(x.mean(axis=0), np.where(deviation > 1e-9 * np.abs(x).max(initial=1), deviation, 1.0))

    @classmethod
    def centring(cls, x: np.ndarray) -> Columns:
        """The mean of these rows alone."""
        return cls(x.mean(axis=0), np.ones(x.shape[1]))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Rows with columns of mean 0 and deviation 1."""
        return (x - self.mean) / self.deviation
