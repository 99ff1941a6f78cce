"""k nearest neighbours on frozen embeddings."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

from graphcl.core.options import Counts
from graphcl.core.registry import register
from graphcl.tasks.probes.base import ClassProbe, Labelled, accuracy, holdouts, rows_of

GRID = (1, 5, 10, 20)


@register("probe", "knn", example={"grid": [1]}, monitor="accuracy")
class Knn(ClassProbe):
    """k nearest neighbours by cosine, each vote weighted by 1 + cosine; k is chosen on validation."""

    def __init__(self, grid: Counts = GRID) -> None:
        """
        Args:
            grid: Values of k to choose from (at most all training rows); of equally accurate ones the smallest wins.
        """
        self.grid = sorted(grid)

    def fit(self, *, train: Labelled, valid: Labelled, seed: int) -> KnnClassifier:
        """Choose k on ``valid``; ``seed`` draws the folds within ``train`` where that is empty."""
        pairs = holdouts(train, valid, seed=seed)

        def score(k: int) -> float:
            return sum(accuracy(KnnClassifier(fit_on, min(k, len(fit_on.y))), judge) for fit_on, judge in pairs)

        # max returns the first of equals: the smallest k
        return KnnClassifier(train, min(max(self.grid, key=score), len(train.y)))


class KnnClassifier:
    """A fitted :class:`Knn`; ``k`` is the chosen number of neighbours."""

    def __init__(self, train: Labelled, k: int) -> None:
        self.k = k
        self._model = KNeighborsClassifier(k, metric="cosine", algorithm="brute", weights=_one_plus_cosine)
        self._model.fit(rows_of(train.x, normalize=False), train.y.cpu().numpy())

    def predict(self, x: Tensor) -> Tensor:
        """[n, d] -> [n] int64 classes."""
        return torch.from_numpy(self._model.predict(rows_of(x, normalize=False)))


def _one_plus_cosine(distance: np.ndarray) -> np.ndarray:
    """Weights in [0, 2]: scikit-learn's cosine distance is 1 - cosine."""
    return 2.0 - distance
