"""Ridge classification of frozen embeddings, its strength chosen by leaving out each example."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from graphcl.core.options import Strengths
from graphcl.core.registry import register
from graphcl.core.threads import one_thread
from graphcl.tasks.probes.base import ClassProbe, Labelled, accuracy, rows_of
from graphcl.tasks.probes.columns import Columns

#: In half powers of ten.
GRID = tuple(float(10.0 ** (power / 2)) for power in range(-8, 5))


@register("probe", "ridge", example={"grid": [1.0]}, monitor="accuracy")
class Ridge(ClassProbe):
    """Least squares on a column of 1 and -1 for each class, shrunk; the largest one is predicted.

    What ROCKET and its relatives are read by (Dempster et al., DMKD 2020): for some hundred examples and thousands of
    columns it costs one decomposition for all strengths, where logistic regression costs a fit for each strength and
    fold. The strength is the one of most right answers when each training example is left out in turn, which has a
    closed form (equal ones: the smallest squared error), or the best on validation where there is such a part.
    """

    def __init__(self, grid: Strengths = GRID, normalize: bool = False, standardize: bool = True) -> None:
        """
        Args:
            grid: Strengths to choose from, in units of the mean squared length of the training rows less their mean.
            normalize: Whether rows are scaled to unit length first.
            standardize: Whether columns, after that, are brought to mean 0 and deviation 1 over the examples fitted on.
        """
        self.grid, self.normalize, self.standardize = sorted(grid), normalize, standardize

    def fit(self, *, train: Labelled, valid: Labelled, seed: int) -> RidgeClassifier:
        """Decompose once, then choose. Nothing is drawn.

        Raises:
            ValueError: ``train`` holds one class only.
        """
        y = train.y.cpu().numpy()
        classes = np.unique(y)
        if len(classes) < 2:
            raise ValueError("ridge needs examples of two classes")
        rows = rows_of(train.x, normalize=self.normalize)
        columns = Columns.of(rows) if self.standardize else Columns.centring(rows)
        with one_thread():
            paths = RidgePaths.of(columns(rows), 2.0 * (y[:, None] == classes) - 1.0)
            if not len(valid.y):
                return self._classifier(paths, paths.best(self.grid), classes, columns)
            fitted = [self._classifier(paths, strength, classes, columns) for strength in self.grid]
            scores = [accuracy(one, valid) for one in fitted]
        return fitted[scores.index(max(scores))]

    def _classifier(
        self, paths: RidgePaths, strength: float, classes: np.ndarray, columns: Columns
    ) -> RidgeClassifier:
        return RidgeClassifier(paths.weights(strength), paths.mean, classes, strength, self.normalize, columns)


class RidgePaths(NamedTuple):
    """What the solutions of all strengths are made of.

    Attributes:
        x: [n, d] rows whose columns have mean 0.
        left: [n, r] eigenvectors of ``x x'``.
        squares: [r] eigenvalues.
        targets: [n, C].
        mean: [C] of the targets.
        unit: Mean squared length of a row, in which strengths are said.
    """

    x: np.ndarray
    left: np.ndarray
    squares: np.ndarray
    targets: np.ndarray
    mean: np.ndarray
    unit: float

    @classmethod
    def of(cls, x: np.ndarray, targets: np.ndarray) -> RidgePaths:
        """Those of rows [n, d] whose columns have mean 0."""
        if len(x) <= x.shape[1]:
            squares, left = np.linalg.eigh(x @ x.T)
        else:
            left, values, _ = np.linalg.svd(x, full_matrices=False)
            squares = values**2
        unit = float(np.square(x).sum() / len(x)) or 1.0
        return cls(x, left, np.maximum(squares, 0.0), targets, targets.mean(axis=0), unit)

    def weights(self, strength: float) -> np.ndarray:
        """[d, C], ``(X'X + strength unit I)^-1 X' (targets - mean)``."""
        turned = self.left.T @ (self.targets - self.mean)
        return self.x.T @ (self.left @ (turned / (self.squares + strength * self.unit)[:, None]))

    def left_out(self, strength: float) -> np.ndarray:
        """[n, C]: what the fit to all others predicts for each row, ``t - (t - p) / (1 - h)``.

        p is the fit to all and h the diagonal of the matrix that makes it of t. Columns keep the mean that they have
        with the row.
        """
        share = self.squares / (self.squares + strength * self.unit)
        fit = self.mean + self.left @ (share[:, None] * (self.left.T @ (self.targets - self.mean)))
        own = np.square(self.left) @ share + 1.0 / len(fit)
        return self.targets - (self.targets - fit) / np.maximum(1.0 - own, 1e-10)[:, None]

    def best(self, grid: Sequence[float]) -> float:
        """The strength of most right answers, of equal ones the smallest squared error, each row left out in turn."""
        truth = self.targets.argmax(axis=1)

        def key(strength: float) -> tuple[float, float]:
            predicted = self.left_out(strength)
            right = float(np.mean(predicted.argmax(axis=1) == truth))
            return right, -float(np.square(predicted - self.targets).mean())

        return max(grid, key=key)


class RidgeClassifier:
    """A fitted :class:`Ridge`; ``strength`` is the chosen one."""

    def __init__(
        self, weights: np.ndarray, mean: np.ndarray, classes: np.ndarray, strength: float, normalize: bool,
        columns: Columns,
    ) -> None:  # fmt: skip
        self._weights, self._mean, self._classes = weights, mean, classes
        self.strength, self._normalize, self._columns = strength, normalize, columns

    def predict(self, x: Tensor) -> Tensor:
        """[n, d] -> [n] int64 classes."""
        return torch.from_numpy(self._classes[self._scores(x).argmax(axis=1)])

    def margins(self, x: Tensor) -> Tensor:
        """[n, d] -> [n]: of two classes, how far it is on the side of the second."""
        scores = self._scores(x)
        return torch.from_numpy(scores[:, 1] - scores[:, 0])

    def _scores(self, x: Tensor) -> np.ndarray:
        with one_thread():
            return self._columns(rows_of(x, normalize=self._normalize)) @ self._weights + self._mean
