"""Forecasts of a series from the embedding of its last rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple

import numpy as np
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.options import Counts, Strengths
from graphcl.core.registry import register
from graphcl.core.threads import one_thread
from graphcl.core.words import counted
from graphcl.tasks.base import Split
from graphcl.tasks.probes.base import FutureCase, Needs
from graphcl.tasks.probes.columns import Columns

HORIZONS = (24, 48, 168)
#: In powers of ten.
GRID = tuple(10.0**power for power in range(-5, 5))
#: A squared error that is nothing but rounding, of values in deviation 1.
NO_ERROR = 1e-12
#: Windows that are read at a time.
BLOCK = 4096


class Moments(NamedTuple):
    """Sums over windows of products of inputs [d] and values to come [m], both less a mean."""

    rows: int
    xx: np.ndarray
    xy: np.ndarray
    yy: float


class Inputs:
    """What forecasts are made from: embeddings, perhaps with the raw windows, in columns of one scale.

    Args:
        case: Embeddings and windows.
        raw: Whether the values of a window stand beside its embedding.
    """

    def __init__(self, case: FutureCase, raw: bool) -> None:
        self._case, self._raw = case, raw
        train = case.parts.train
        blocks = [self._read(some) for some in train.split(BLOCK)]
        self.columns = Columns.of(np.concatenate(blocks))

    def _read(self, rows: Tensor) -> np.ndarray:
        found = self._case.x.index_select(0, rows).double().numpy()
        if not self._raw:
            return found
        return np.concatenate([found, self._case.future.before(rows).flatten(1).double().numpy()], axis=1)

    def pairs(self, rows: Tensor, horizon: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Inputs [b, d] and what comes after [b, horizon * C], some windows at a time."""
        for some in rows.split(BLOCK):
            yield self.columns(self._read(some)), self._case.future.after(some, horizon).flatten(1).double().numpy()

    def means(self, rows: Tensor, horizon: int) -> tuple[np.ndarray, np.ndarray]:
        """Of both, [d] and [m]."""
        sums = [(x.sum(axis=0), y.sum(axis=0)) for x, y in self.pairs(rows, horizon)]
        x, y = (np.sum(each, axis=0) / len(rows) for each in zip(*sums, strict=True))
        return x, y

    def moments(self, rows: Tensor, horizon: int, means: tuple[np.ndarray, np.ndarray]) -> Moments:
        """Of both less ``means``."""
        (x_mean, y_mean), d = means, len(means[0])
        xx, xy, yy = np.zeros((d, d)), np.zeros((d, len(y_mean))), 0.0
        for x, y in self.pairs(rows, horizon):
            x, y = x - x_mean, y - y_mean
            xx += x.T @ x
            xy += x.T @ y
            yy += float(np.square(y).sum())
        return Moments(len(rows), xx, xy, yy)


class LinearForecast(NamedTuple):
    """``mean_y + (x - mean_x) weights``; ``strength`` is the chosen one."""

    means: tuple[np.ndarray, np.ndarray]
    weights: np.ndarray
    strength: float

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """[b, d] -> [b, horizon * C]."""
        return (x - self.means[0]) @ self.weights + self.means[1]


def fit_ridge(inputs: Inputs, fit: Tensor, choose: Tensor, horizon: int, grid: Sequence[float]) -> LinearForecast:
    """Least squares, shrunk, to all values of a horizon at once.

    Args:
        inputs: Of all windows.
        fit: Windows that are fitted on.
        choose: Windows by whose squared error the strength is chosen.
        horizon: Rows to come.
        grid: Strengths, in units of the mean squared length of a row of inputs.
    """
    means = inputs.means(fit, horizon)
    own, other = (inputs.moments(rows, horizon, means) for rows in (fit, choose))
    squares, turn = np.linalg.eigh(own.xx)
    turned, unit = turn.T @ own.xy, float(np.trace(own.xx)) / max(own.rows, 1) or 1.0

    def weights(strength: float) -> np.ndarray:
        return np.asarray(turn @ (turned / (np.maximum(squares, 0.0) + strength * unit)[:, None]))

    def error(strength: float) -> float:
        w = weights(strength)
        return other.yy - 2 * float((w * other.xy).sum()) + float((w * (other.xx @ w)).sum())

    best = min(grid, key=error)
    return LinearForecast(means, weights(best), best)


@register("probe", "forecast", example={"horizons": [1], "grid": [0.01]}, monitor="skill")
class Forecast:
    """Ridge regression of the rows to come on the embedding of the rows before them, one for each horizon.

    The protocol of TS2Vec (Yue et al., AAAI 2022): all values of a horizon at once, the strength chosen on the
    validation part, every row judged whose whole horizon lies in the test part. Metrics: ``mse`` and ``mae``, the means
    over horizons, also of each (``mse@24``); ``skill``, 1 - mse / that of repeating the last value: 0 is no better.
    Where repeating makes no error, as no value changes, it is -mse.

    Embeddings that give no smaller error than the raw window under this probe (the baseline ``flat_features``) have
    learned nothing that a linear map of the window does not know.
    """

    needs: ClassVar[Needs] = "future"
    metrics: ClassVar[tuple[str, ...]] = ("skill", "mse", "mae")

    def __init__(self, horizons: Counts = HORIZONS, grid: Strengths = GRID, raw: bool = False) -> None:
        """
        Args:
            horizons: Rows ahead, each forecast and judged by itself.
            grid: Strengths to choose from, in units of the mean squared length of a row of inputs, whose columns are
                brought to deviation 1.
            raw: Whether forecasts are made from the values of the window, too, beside its embedding.
        """
        self.horizons, self.grid, self.raw = sorted(set(horizons)), sorted(grid), raw

    def check_future(self, case: FutureCase) -> None:
        """Refuse parts that are too short, before training.

        Raises:
            UserError: no window of the training or test part has a horizon's rows after it in that part.
        """
        for name in ("train", "test"):
            room = case.future.room.index_select(0, getattr(case.parts, name))
            longest = int(room.max()) if len(room) else 0
            if longest < self.horizons[-1]:
                raise UserError(
                    f"eval.probe_options.horizons: {self.horizons[-1]} rows ahead, and a window of the {name} part has "
                    f"{counted(longest, 'row')} of it after itself; lower it, or set data.parts"
                )

    def judge(self, case: FutureCase, split: Split, *, seed: int) -> dict[str, float]:
        """Errors on the windows of ``split``. Nothing is drawn."""
        with one_thread():
            inputs = Inputs(case, self.raw)
            found = {horizon: self._errors(case, inputs, split, horizon) for horizon in self.horizons}
        mse, mae = (float(np.mean([errors[n] for errors in found.values()])) for n in (0, 1))
        each = {f"{name}@{h}": errors[n] for h, errors in found.items() for n, name in enumerate(("mse", "mae"))}
        still = float(np.mean([_still(case, split, horizon) for horizon in self.horizons]))
        skill = 1 - mse / still if still > NO_ERROR else -mse
        return {"skill": skill, "mse": mse, "mae": mae, **(each if len(found) > 1 else {})}

    def _errors(self, case: FutureCase, inputs: Inputs, split: Split, horizon: int) -> tuple[float, float]:
        fit, choose = case.asked("train", horizon), case.asked("valid", horizon)
        if not len(choose):  # the last fifth of what is fitted on stands for it
            held = max(1, len(fit) // 5)
            fit, choose = fit[:-held] if len(fit) > 1 else fit, fit[-held:]
        model = fit_ridge(inputs, fit, choose, horizon, self.grid)
        return errors_of(((y, model(x)) for x, y in inputs.pairs(case.asked(split, horizon), horizon)))


def errors_of(pairs: Iterator[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float]:
    """Mean squared and mean absolute difference of two arrays that come in pieces."""
    squares, sizes, count = 0.0, 0.0, 0
    for y, found in pairs:
        difference = y - found
        squares, sizes = squares + float(np.square(difference).sum()), sizes + float(np.abs(difference).sum())
        count += difference.size
    return squares / count, sizes / count


def _still(case: FutureCase, split: Split, horizon: int) -> float:
    """The squared error where every row to come is the last one."""
    some = case.asked(split, horizon).split(BLOCK)
    pairs = ((case.future.after(rows, horizon), case.future.before(rows)[:, -1:]) for rows in some)
    return errors_of(((y.double().numpy(), last.double().numpy()) for y, last in pairs))[0]
