"""Neural Granger discovery as an estimator, for any multivariate series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphcl.core.config.recipe import load_recipe
from graphcl.core.errors import UserError
from graphcl.data.series.table import read_table
from graphcl.engine.fitted import Fitted
from graphcl.engine.library import fit
from graphcl.rca.neural import strengths


class NeuralGranger:
    """Which series help to forecast which: gates of a network that forecasts all of them (Tank et al., TPAMI 2021).

    Lags and sparsity are chosen by the error on the last fifth of the rows, which training does not see: first the
    lags, at the middle sparsity, then the sparsity.

    Example:
        >>> from graphcl.data.series.known import generate_var
        >>> model = NeuralGranger().fit(generate_var(5, 300).values)  # doctest: +SKIP
        >>> cause, effect, weight = model.edges_[0]  # doctest: +SKIP

    Attributes:
        scores_: [p, p], row effect, column cause; the diagonal is 0, self edges are never reported.
        edges_: (cause, effect, weight), strongest first: pairs where shuffling the cause makes the held-out error of
            the effect larger by ``z`` standard errors. Causes and effects are column names of a frame, else numbers.
        lags_, sparsity_: What was chosen.
        error_: Held-out mean squared error, in standard deviations of the training rows.
        fitted_: The trained parts.
    """

    def __init__(
        self,
        lags: int | Sequence[int] = (1, 3, 5),
        sparsity: float | Sequence[float] = (0.05, 0.1, 0.2, 0.4),
        *,
        recipe: str = "neural_granger",
        score: str = "norm",
        z: float = 3.0,
        seed: int = 0,
        overrides: Sequence[str] = (),
    ) -> None:
        """
        Args:
            lags: Rows that are read to forecast the next one; of several the best is chosen.
            sparsity: Weight of the penalty on the gates; of several the best is chosen.
            recipe: A recipe like `neural_granger`.
            score: ``norm`` of the gates, or ``permutation``: the rise of the held-out error when a cause is shuffled.
            z: Standard errors by which an edge must make the error rise.
            seed: Decides everything that is random.
            overrides: Further settings of the recipe, ``key=value``.

        Raises:
            UserError: nothing to choose from, or an unknown score.
        """
        self.lags, self.sparsity = _several(lags, "lags"), _several(sparsity, "sparsity")
        if score not in ("norm", "permutation"):
            raise UserError(f"score: {score!r} is neither norm nor permutation")
        self.recipe, self.score, self.z, self.seed, self.overrides = recipe, score, z, seed, tuple(overrides)

    def fit(self, x: Any) -> NeuralGranger:
        """Train on a table.

        Args:
            x: [T, p], an array or a frame, rows in order of time.

        Returns:
            Itself.

        Raises:
            UserError: no table of finite numbers, or too short for the lags.
        """
        values, names = read_table(x)
        labels: list[Any] = names if hasattr(x, "columns") else list(range(values.shape[1]))
        middle = self.sparsity[(len(self.sparsity) - 1) // 2]
        tried = {(lags, middle): self._train(values, lags, middle) for lags in self.lags}
        self.lags_, _ = _best(tried)
        others = [weight for weight in self.sparsity if weight != middle]
        tried |= {(self.lags_, weight): self._train(values, self.lags_, weight) for weight in others}
        self.lags_, self.sparsity_ = _best({key: run for key, run in tried.items() if key[0] == self.lags_})
        self.fitted_ = tried[self.lags_, self.sparsity_]
        self.error_ = _error(self.fitted_)
        found = strengths(self.fitted_, seed=self.seed)
        self.scores_ = np.maximum(found.rise, 0.0) if self.score == "permutation" else found.norm
        effects, causes = np.nonzero((found.z > self.z) & (self.scores_ > 0))
        order = np.argsort(-self.scores_[effects, causes], kind="stable")
        self.edges_ = [
            (labels[causes[at]], labels[effects[at]], float(self.scores_[effects[at], causes[at]])) for at in order
        ]
        return self

    def _train(self, values: np.ndarray, lags: int, weight: float) -> Fitted:
        recipe = load_recipe(self.recipe, self.overrides)
        chosen: dict[str, Any] = {"encoder.lags": lags, "data.context": lags, "regularizers.group_lasso.weight": weight}
        return fit(recipe, data=values, **{"train.seed": self.seed, **chosen})


def _several(given: Any, what: str) -> tuple[Any, ...]:
    values = tuple(given) if isinstance(given, list | tuple) else (given,)
    if not values:
        raise UserError(f"{what}: give at least one")
    return values


def _error(fitted: Fitted) -> float:
    """The held-out error; 0 where nothing is held out, so that the first choice stands."""
    return fitted.metrics.get("valid/error", 0.0)


def _best(tried: dict[tuple[int, float], Fitted]) -> tuple[int, float]:
    return min(tried, key=lambda key: _error(tried[key]))
