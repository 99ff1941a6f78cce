from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from graphcl.core.errors import UserError
from graphcl.data.series.series import Series, SeriesData, TimeSplit


def series(values: object, **options: object) -> Series:
    return SeriesData(given=values, **options).load(seed=0)  # type: ignore[arg-type]


def ramp(rows: int = 40, columns: int = 3) -> np.ndarray:
    return np.arange(rows * columns, dtype=float).reshape(rows, columns) ** 1.5


def test_the_scale_is_taken_of_the_normal_rows_alone() -> None:
    values = ramp()
    values[30:] += 1e6
    for options, normal in (({"normal": 25}, 25), ({"split": TimeSplit(0.0, 0.5)}, 20)):
        found = series(values, **options)
        np.testing.assert_allclose(found.values[:normal].mean(0), 0, atol=1e-6)
        np.testing.assert_allclose(found.values[:normal].numpy().std(0), 1, atol=1e-6)
        assert float(found.values[35].min()) > 1000


def test_values_are_cut_at_the_clip() -> None:
    values = ramp()
    values[39, 1] = 1e9
    assert float(series(values, clip=5.0).values.abs().max()) == 5.0


def test_a_constant_column_is_zero_and_said() -> None:
    values = ramp()
    values[:, 2] = 0.1
    values[39, 2] = 7.1
    found = series(values, split=TimeSplit(0.5, 0.0))
    assert not found.values[:39, 2].any()
    assert float(found.values[39, 2]) == pytest.approx(7.0)
    assert any("1 column constant" in line for line in found.report.lines())


def test_each_row_is_forecast_in_one_part_and_none_across_a_break() -> None:
    found = series(ramp(), context=3, breaks=[10, 12, 25], split=TimeSplit(0.2, 0.1))
    rows = {part: [r for a, b in found.stretches(part) for r in range(a, b)] for part in ("train", "valid", "test")}
    assert found.bounds == (28, 36)
    assert rows["train"] == [*range(2, 9), *range(14, 24)]  # 25, 26 are context, and 27 is forecast from
    assert rows["valid"] == list(range(27, 35))
    assert rows["test"] == list(range(35, 39))


def test_frames_and_tensors_are_tables() -> None:
    frame = pd.DataFrame(ramp(), columns=["a", "b", "c"])
    assert series(frame).names == ["a", "b", "c"]
    assert torch.equal(series(frame).values, series(torch.from_numpy(ramp())).values)
    assert series(ramp()).names == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros(5), r"table \[time, metric\] of numbers; got \[5\]"),
        (pd.DataFrame({"cpu": [1.0, np.nan] * 10}), "column cpu, row 1 is nan; fill gaps"),
        (pd.DataFrame({"cpu": [1.0, 1e200] * 10}), r"column cpu, row 1 is 1e\+200, beyond what float32 holds"),
        (pd.DataFrame({"cpu": ["high"] * 10}), "must be numbers"),
        (ramp(3), r"longer than data\.context=3; lower it"),
        (ramp(1), "needs two rows and one column"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(values: object, message: str) -> None:
    with pytest.raises(UserError, match=message) as raised:
        series(values)
    assert "\n" not in str(raised.value)
