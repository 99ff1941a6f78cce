"""Support vector machine on frozen embeddings: the usual judge of whole graphs."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import torch
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import Tensor

from graphcl.core.options import Count, Strengths
from graphcl.core.registry import register
from graphcl.tasks.probes.base import ClassProbe, Labelled, accuracy, holdouts, rows_of

#: the grid of Sun et al. 2020
GRID = (1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3)


@register("probe", "svm", example={"grid": [1.0]}, monitor="accuracy")
class Svm(ClassProbe):
    """C-SVM whose C is chosen on validation, or by cross-validation within train where there is no validation.

    The graph-level protocol of Sun et al. (ICLR 2020) and You et al. (NeurIPS 2020), whose kernel is the radial one
    with scikit-learn's default width, ``1 / (d Var(x))``.
    """

    def __init__(
        self,
        grid: Strengths = GRID,
        kernel: Literal["rbf", "linear"] = "rbf",
        standardize: bool = False,
        folds: Count = 5,
        max_iter: Count = 100_000,
    ) -> None:
        """
        Args:
            grid: Values of C, the inverse strength, to choose from; of equally accurate ones the smallest wins.
            kernel: rbf or linear.
            standardize: Whether columns are scaled to mean 0 and deviation 1 of the training rows.
            folds: Of the cross-validation within train, where there is no validation part.
            max_iter: Most iterations of a fit; one that ends there competes like any other.
        """
        self.grid, self.kernel, self.standardize = sorted(grid), kernel, standardize
        self.folds, self.max_iter = folds, max_iter

    def fit(self, *, train: Labelled, valid: Labelled, seed: int) -> SvmClassifier:
        """Choose C, then fit on all of ``train``. ``seed`` draws the folds.

        Raises:
            ValueError: ``train`` holds one class only.
        """
        pairs = holdouts(train, valid, seed=seed, folds=self.folds)

        def score(strength: float) -> float:
            return sum(accuracy(self._fitted(fit_on, strength), judge) for fit_on, judge in pairs)

        # max returns the first of equals: the smallest C
        return self._fitted(train, max(self.grid, key=score) if len(self.grid) > 1 else self.grid[0])

    def _fitted(self, train: Labelled, strength: float) -> SvmClassifier:
        model: Any = SVC(C=strength, kernel=self.kernel, max_iter=self.max_iter)
        if self.standardize:
            model = make_pipeline(StandardScaler(), model)
        # libsvm works on one thread whatever the settings.
        with warnings.catch_warnings(), config_context(assume_finite=True, skip_parameter_validation=True):
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(rows_of(train.x, normalize=False), train.y.cpu().numpy())
        return SvmClassifier(model, strength)


class SvmClassifier:
    """A fitted :class:`Svm`; ``strength`` is the chosen C."""

    def __init__(self, model: Any, strength: float) -> None:
        self._model, self.strength = model, strength

    def predict(self, x: Tensor) -> Tensor:
        """[n, d] -> [n] int64 classes."""
        return torch.from_numpy(self._model.predict(rows_of(x, normalize=False)))

    def margins(self, x: Tensor) -> Tensor:
        """[n, d] -> [n]: of two classes, how far it is on the side of the second."""
        return torch.from_numpy(self._model.decision_function(rows_of(x, normalize=False)))
