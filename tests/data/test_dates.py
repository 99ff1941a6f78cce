"""Dates as people write them: which number is the day, and when that cannot be said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from graphcl.core.errors import UserError
from graphcl.data.dates import are_dates, seconds_of

DAYS = pd.date_range("2019-12-20", periods=40, freq="D")
WANTED = DAYS.astype("datetime64[s]").astype(np.int64).to_numpy()


@pytest.mark.parametrize(
    "form",
    ["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%d.%m.%y", "%y-%m-%d", "%Y/%m/%d", "%d %b %Y",
     "%d.%m.%Y 00:00", "%m/%d/%Y 12:00 AM", "%d/%m/%Y, 00:00:00"],
)  # fmt: skip
def test_the_whole_column_tells_the_reading(form: str) -> None:
    text = pd.Series(DAYS.strftime(form).to_numpy())
    assert seconds_of(text).tolist() == WANTED.tolist()
    turned = text.sample(frac=1, random_state=0)
    if form != "%y-%m-%d":  # 19-12-20 may also be a day of 2020
        assert np.sort(seconds_of(turned)).tolist() == WANTED.tolist()


def test_the_order_of_the_rows_tells_where_both_can_be() -> None:
    first_days = pd.date_range("2020-01-01", periods=12, freq="D").append(pd.date_range("2020-02-01", periods=3))
    for form in ("%d/%m/%Y", "%m/%d/%Y"):
        found = seconds_of(pd.Series(first_days.to_series().dt.strftime(form)))
        assert found.tolist() == first_days.astype("datetime64[s]").astype(np.int64).tolist()


def test_dots_have_the_day_first() -> None:
    found = pd.to_datetime(seconds_of(pd.Series(["03.02.2020", "02.03.2020", "01.05.2020"])), unit="s")
    assert found.strftime("%d %m").tolist() == ["03 02", "02 03", "01 05"]


def test_what_is_no_date_is_nan() -> None:
    assert np.isnan(seconds_of(pd.Series(["31.01.2020", "32.01.2020", "soon", None]))).tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize(
    ("dates", "message"),
    [
        (["03/02/2020", "01/05/2020", "02/03/2020"], "can be read with the day first or the month first"),
        (["13/02/2020", "02/13/2020"], "dates with the day first and dates with the month first"),
    ],
)
def test_what_cannot_be_told_is_refused(dates: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        seconds_of(pd.Series(dates))


def test_words_and_versions_are_no_dates() -> None:
    assert not are_dates(pd.Series(["up", "down", "May"]))
    assert not are_dates(pd.Series(["v2020", "v2021", "v2022"]))
    assert not are_dates(pd.Series(["2020-01-01"] * 5))
    assert are_dates(pd.Series(["2020-01-01", "2020-01-02"]))
