"""What a probe is given and returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Labelled:
    """Embeddings with their classes.

    Attributes:
        x: [n, d].
        y: [n] int64.
    """

    x: Tensor
    y: Tensor

    @classmethod
    def take(cls, x: Tensor, y: Tensor, nodes: Tensor) -> Labelled:
        """The rows of ``x`` and ``y`` at ``nodes``."""
        return cls(x.index_select(0, nodes), y.index_select(0, nodes))


class Classifier(Protocol):
    """A fitted probe."""

    def predict(self, x: Tensor) -> Tensor:
        """[n, d] -> [n] int64 classes."""
        ...


class Probe(Protocol):
    """Constructor: the probe's options.

    A probe never receives the examples it will be judged on, so it cannot choose its settings on them.
    """

    def fit(self, *, train: Labelled, valid: Labelled, seed: int) -> Classifier:
        """Fit on ``train`` with the settings that do best on ``valid``."""
        ...
