"""Forecasts against values worked by hand, and that no row of another part is fitted on or judged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from graphcl.core.config.recipe import load_recipe
from graphcl.core.errors import UserError
from graphcl.data.graphs.splits import NodeSplit
from graphcl.data.window_sets.packed import PackedWindows
from graphcl.tasks.probes.base import FutureCase
from graphcl.tasks.probes.forecast import Forecast


def a_case(values: Tensor, bounds: tuple[int, int, int], x: Tensor | None = None, **options: Any) -> FutureCase:
    """Windows of two rows, embedded as their last value where no embedding is given."""
    packed = PackedWindows.of(values, bounds, **{"window": 2, "apart": False, "relative": False, **options})
    following, edges = packed.end + 1, (0, *bounds)
    parts = [((following >= a) & (following < b)).nonzero().view(-1) for a, b in zip(edges, bounds, strict=False)]
    numbers = torch.arange(len(packed))
    return FutureCase(packed.before(numbers)[:, -1] if x is None else x, packed, NodeSplit(*parts))


def test_a_straight_line_is_forecast_and_repeating_its_last_value_is_wrong_by_the_steps() -> None:
    """x_(t+1) = x_t + 1 and x_(t+2) = x_t + 2: repeating is wrong by 1, and over two rows by (1 + 4) / 2."""
    case = a_case(torch.arange(30.0)[:, None], (20, 25, 30))
    found = Forecast([1, 2], grid=[1e-9]).judge(case, "test", seed=0)
    assert found["mse"] == pytest.approx(0, abs=1e-6)
    assert set(found) == {"skill", "mse", "mae", "mse@1", "mse@2", "mae@1", "mae@2"}
    strong = Forecast([2], grid=[1e9]).judge(case, "test", seed=0)
    # Windows that end at row 1 to 17 are fitted on, and with all weights shrunk to 0 the means of what follows are
    # forecast: 10 and 11. Judged are those that end at 24 to 27: 25 to 28, and 26 to 29.
    assert strong["mse"] == pytest.approx(np.mean([15**2, 16**2, 17**2, 18**2] * 2), rel=1e-6)
    assert strong["mae"] == pytest.approx(16.5, rel=1e-6)
    assert strong["skill"] == pytest.approx(1 - strong["mse"] / 2.5, rel=1e-6)


@pytest.mark.parametrize("part", ["train", "valid", "test"])
def test_windows_are_asked_for_rows_of_their_part_alone(part: Any) -> None:
    case = a_case(torch.arange(30.0)[:, None], (20, 25, 30))
    low, high = {"train": (0, 20), "valid": (20, 25), "test": (25, 30)}[part]
    asked = case.asked(part, 3)
    ends = case.future.before(asked)[:, -1, 0].long()
    assert ends.tolist() == [end for end in range(1, 30) if end + 1 >= low and end + 3 < high]


def test_the_test_part_decides_nothing() -> None:
    """Other values in it change what is judged, not the forecasts: errors are those of the same forecasts."""
    values = torch.randn(60, 1, generator=torch.Generator().manual_seed(0)).cumsum(0)
    x = torch.randn(59, 3, generator=torch.Generator().manual_seed(1))
    other = values.clone()
    other[50:] += 1000
    first, second = (Forecast([1]).judge(a_case(v, (40, 50, 60), x), "test", seed=0) for v in (values, other))
    assert second["mae"] == pytest.approx(1000, abs=10)
    moved = Forecast([1]).judge(a_case(other, (40, 50, 60), x), "valid", seed=0)
    assert moved == Forecast([1]).judge(a_case(values, (40, 50, 60), x), "valid", seed=0)
    assert first["mae"] < 10


def test_the_strength_is_chosen_on_validation_and_the_fit_is_that_of_the_normal_equations() -> None:
    draw = torch.Generator().manual_seed(0)
    values, x = torch.randn(80, 1, generator=draw), torch.randn(79, 4, generator=draw)
    case, grid = a_case(values, (50, 65, 80), x), (0.01, 1.0, 100.0)
    rows = {part: getattr(case.parts, part).numpy() for part in ("train", "valid", "test")}
    inputs, y = x.double().numpy(), values.double().numpy()[2:]
    inputs = (inputs - inputs[rows["train"]].mean(0)) / inputs[rows["train"]].std(0)

    def error(strength: float, part: str) -> float:
        a, b = inputs[rows["train"]], y[rows["train"]]
        shrunk = a.T @ a + strength * 4 * np.eye(4)  # columns of deviation 1: the mean squared length is 4
        weights = np.linalg.solve(shrunk * 1.0, a.T @ (b - b.mean()))
        return float(np.mean((inputs[rows[part]] @ weights + b.mean() - y[rows[part]]) ** 2))

    best = min(grid, key=lambda strength: error(strength, "valid"))
    assert Forecast([1], grid=grid).judge(case, "test", seed=0)["mse"] == pytest.approx(error(best, "test"), rel=1e-9)


def test_the_raw_window_may_stand_beside_the_embedding() -> None:
    """What follows is the difference of the two last values, which an embedding of nothing does not know."""
    values = torch.tensor([1.0, 2.0])
    while len(values) < 60:
        values = torch.cat([values, (values[-1] - values[-2])[None]])
    case = a_case(values[:, None], (40, 50, 60), torch.zeros(59, 1))
    alone, beside = (Forecast([1], grid=[1e-9], raw=raw).judge(case, "test", seed=0)["mse"] for raw in (False, True))
    assert alone > 1
    assert beside == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("options", [{"apart": True}, {"relative": True}, {"apart": True, "relative": True}])
def test_channels_apart_share_their_weights_and_relative_errors_are_those_of_the_values(options: Any) -> None:
    time = torch.arange(60.0)
    values = torch.stack([time, 5 - 2 * time], dim=1)
    case = a_case(values, (40, 50, 60), **options)
    x = torch.cat([case.future.before(torch.arange(len(case.future.room))).flatten(1), case.x], dim=1)
    found = Forecast([2], grid=[1e-10]).judge(FutureCase(x, case.future, case.parts), "test", seed=0)
    assert found["mse"] == pytest.approx(0, abs=1e-3)
    assert found["skill"] > 0.99


def test_a_horizon_longer_than_a_part_is_refused() -> None:
    case = a_case(torch.arange(30.0)[:, None], (20, 25, 30))
    Forecast([5]).check_future(case)
    with pytest.raises(UserError, match=r"horizons: 6 rows ahead, and a window of the test part has 5 rows"):
        Forecast([2, 6]).check_future(case)


def test_without_a_validation_part_the_end_of_train_chooses() -> None:
    case = a_case(torch.arange(40.0)[:, None], (20, 25, 40))
    less = FutureCase(case.x, case.future, NodeSplit(case.parts.train, case.parts.train[:0], case.parts.test))
    assert Forecast([1], grid=[1e-9, 1e9]).judge(less, "test", seed=0)["mse"] == pytest.approx(0, abs=1e-6)


def test_skill_stays_small_where_nothing_changes() -> None:
    values = torch.cat([torch.randn(60, 1, generator=torch.Generator().manual_seed(0)), torch.ones(30, 1)])
    case = a_case(values, (40, 60, 90))
    parts = NodeSplit(case.parts.train, case.parts.valid, case.parts.test[5:])
    found = Forecast([2]).judge(FutureCase(case.x, case.future, parts), "test", seed=0)
    assert found["skill"] == -found["mse"]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("eval.probe_options.horizons=[]", "horizons' must be a list of at least 1"),
        ("eval.probe_options.grid=[]", "grid' must be a list of at least 1"),
        ("data.columns=[a, a]", "none of them twice"),
    ],
)
def test_lists_that_say_nothing_are_refused_by_check(setting: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_recipe("autotcl_forecast", [setting])
