from __future__ import annotations

import numpy as np
import pytest

from graphcl.core.errors import UserError
from graphcl.data.telemetry.clock import in_seconds, require_inside

TIME = 1_699_999_000 + 60.0 * np.arange(57)


@pytest.mark.parametrize(
    ("value", "unit", "seconds"),
    [
        ("1699999060", "seconds", 1_699_999_060),
        (1_699_999_060_000, "milliseconds", 1_699_999_060),
        ("2023-11-14T21:57:40Z", "seconds", 1_699_999_060),
        ("2023-11-14T22:57:40+01:00", "nanoseconds", 1_699_999_060),
    ],
)
def test_a_moment_in_the_units_of_the_table_or_as_a_date(value: object, unit: str, seconds: float) -> None:
    assert in_seconds(value, unit) == pytest.approx(seconds)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["soon", "nan", ""])
def test_what_is_no_time(value: str) -> None:
    with pytest.raises(UserError, match="is no time"):
        in_seconds(value, "seconds")
    with pytest.raises(UserError, match="'01:34' has no date"):
        in_seconds("01:34", "dates")


@pytest.mark.parametrize(
    ("moment", "hint"),
    [(1_700_000_000_000.0, "milliseconds?"), (1_700_000_000.0 - 7200, "2 hours off"), (1.0, "1700002360")],
)
def test_outside_of_the_data_with_what_was_likely_meant(moment: float, hint: str) -> None:
    with pytest.raises(UserError, match="outside of the data") as caught:
        require_inside(moment, TIME, 60.0, "seconds", f"{moment:.0f}")
    assert hint in str(caught.value)
    assert "1699999000..1700002360" in str(caught.value)
    require_inside(1_700_000_000.0, TIME, 60.0, "seconds", "")
