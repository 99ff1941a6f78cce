from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphcl.core.errors import UserError
from graphcl.data.telemetry import Telemetry, read_telemetry
from graphcl.data.telemetry.names import split_names

START = 1_661_126_040


def frame(rows: int = 30, step: int = 60) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    values = {name: draw.normal(5, 1, rows) for name in ("cart_cpu", "cart_mem", "front_end-cpu")}
    return pd.DataFrame({"time": START + step * np.arange(rows), **values})


def said(telemetry: Telemetry) -> str:
    return "; ".join(telemetry.notes)


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "tsv", "parquet", "frame", "index"])
def test_every_form_of_a_wide_table_says_the_same(kind: str, tmp_path: Path) -> None:
    table = frame()
    path = tmp_path / f"m.{kind}"
    if kind == "parquet":
        table.to_parquet(path)
    elif kind == "csv.gz":
        path.write_bytes(gzip.compress(table.to_csv(index=False).encode()))
    elif kind in ("csv", "tsv"):
        table.to_csv(path, index=False, sep="\t" if kind == "tsv" else ",")
    source: object = path
    if kind == "frame":
        source = table
    elif kind == "index":
        source = table.set_index(pd.to_datetime(table.pop("time"), unit="s"))
        table = frame()
    found = read_telemetry(source)  # type: ignore[arg-type]
    assert found.period == 60
    assert found.time.tolist() == table["time"].tolist()
    np.testing.assert_allclose(found.values, table.drop(columns="time").to_numpy(), rtol=1e-12)
    assert [(c.service, c.metric) for c in found.columns] == [("cart", "cpu"), ("cart", "mem"), ("front", "end-cpu")]
    assert found.services == ["cart", "front"]


def test_a_long_table_says_the_same(tmp_path: Path) -> None:
    wide = frame()
    long = wide.melt("time", var_name="both").sample(frac=1, random_state=0)
    long["service"] = long["both"].str.partition("_")[0]
    long["metric"] = long["both"].str.partition("_")[2]
    long.drop(columns="both").to_csv(tmp_path / "long.csv", index=False)
    found = read_telemetry(tmp_path / "long.csv")
    order = {c.name: i for i, c in enumerate(found.columns)}
    for name in wide.columns[1:]:
        np.testing.assert_allclose(found.values[:, order[name]], wide[name], rtol=1e-12)
    assert "a long table" in said(found)
    split = read_telemetry(long.drop(columns=["service", "metric"]).rename(columns={"both": "metric"}))
    assert {c.service for c in split.columns} == {"cart", "front"}


@pytest.mark.parametrize(
    ("times", "word"),
    [
        (lambda s: s, "seconds"),
        (lambda s: s * 1000, "milliseconds"),
        (lambda s: s * 10**9, "nanoseconds"),
        (lambda s: [pd.Timestamp(x, unit="s").isoformat() + "+00:00" for x in s], "dates"),
        (lambda s: [pd.Timestamp(x + 7200, unit="s").isoformat() + "+02:00" for x in s], "dates"),
    ],
)
def test_units_of_time_are_found_out_and_said(times: object, word: str) -> None:
    table = frame()
    seconds = table["time"].tolist()
    table["time"] = [x * 1 for x in times(np.array(seconds))] if callable(times) else []
    found = read_telemetry(table)
    assert found.time.tolist() == seconds
    assert word in said(found)
    assert "taken as UTC" not in said(found)


def test_gaps_stay_empty_and_slower_metrics_are_held() -> None:
    table = frame(60)
    table.loc[table.index % 5 != 0, "cart_mem"] = np.nan
    table = table.drop(index=range(22, 34))
    found = read_telemetry(table)
    assert found.values.shape == (60, 3)
    assert np.isnan(found.values[22:34, 0]).all()
    assert np.isfinite(found.values[34:, 0]).all()
    slow = found.values[:, 1]
    assert (slow[:5] == slow[0]).all()
    assert np.isfinite(slow[:22]).all()
    assert np.isnan(slow[25:34]).all()  # the last value is of row 20: held for its own period and no longer
    assert "sampled less often (300 s)" in said(found)
    assert "9 rows without any value" in said(found)


def test_times_beside_the_grid_are_rounded_to_it() -> None:
    table = frame()
    table["time"] += np.random.default_rng(1).integers(-10, 11, len(table))
    found = read_telemetry(table.iloc[::-1])
    assert found.values.shape == (30, 3)
    np.testing.assert_array_equal(found.values, table.drop(columns="time").to_numpy())


def test_counters_become_rates_with_resets() -> None:
    table = frame(40)
    steps = np.full(40, 30.0)
    steps[25:] = 90
    total = np.cumsum(steps)
    total[20:] -= total[19]  # started again
    table["cart_requests"] = total
    found = read_telemetry(table)
    rate = found.values[:, 3]
    assert np.isnan(rate[0])
    np.testing.assert_allclose(rate[1:25], 0.5)
    np.testing.assert_allclose(rate[25:], 1.5)
    assert "1 counter turned into increase per second (1 reset): cart_requests" in said(found)
    assert read_telemetry(table, counters=False).values[5, 3] == total[5]


def test_a_gauge_that_mostly_rises_is_no_counter() -> None:
    table = frame(60)
    table["cart_heap"] = np.arange(60) + np.where(np.arange(60) % 4 == 3, -1.5, 0)
    table["cart_disk"] = np.repeat([1.0, 2.0, 3.0], 20)
    assert "counter" not in said(read_telemetry(table))


def test_equal_columns_are_one_group_and_constants_are_not() -> None:
    table = frame()
    table["web_cpu"] = table["cart_cpu"]
    table["a_x"], table["b_x"] = 3.0, 3.0
    found = read_telemetry(table)
    assert [c.name for c in found.columns] == ["cart_cpu", "cart_mem", "front_end-cpu", "a_x", "b_x"]
    assert [c.name for c in found.columns[0].same] == ["web_cpu"]
    assert found.services == ["cart", "web", "front", "a", "b"]
    assert "cart_cpu = web_cpu" in said(found)


def test_text_is_left_out_and_stray_cells_are_missing(tmp_path: Path) -> None:
    table = frame().astype({"cart_cpu": object})
    table["host"] = "node-7"
    table.loc[3, "cart_cpu"] = "n/a?"
    table["void"] = ""
    table.to_csv(tmp_path / "m.csv", index=False)
    found = read_telemetry(tmp_path / "m.csv")
    assert [c.name for c in found.columns] == ["cart_cpu", "cart_mem", "front_end-cpu"]
    assert np.isnan(found.values[3, 0])
    assert "1 column of text left out: 'host' (such as 'node-7')" in said(found)
    assert "1 column without any value left out: 'void'" in said(found)
    assert "'n/a?' taken as missing" in said(found)


def test_names_that_occur_twice(tmp_path: Path) -> None:
    rows = "\n".join(f"{START + 60 * i},{i % 7},{START + 60 * i},{i % 5}" for i in range(30))
    (tmp_path / "m.csv").write_text(f"time,a_cpu,time,a_cpu\n{rows}\n")
    found = read_telemetry(tmp_path / "m.csv")
    assert [c.name for c in found.columns] == ["a_cpu", "a_cpu#2"]
    assert "occur more than once, such as 'time', are numbered" in said(found)


def test_a_normal_part_of_another_month_is_moved_before_the_table() -> None:
    normal, table = frame(50), frame(10)
    normal["time"] -= 30 * 86400
    normal["old_cpu"] = 1.0
    found = read_telemetry(table, normal=normal)
    assert found.values.shape == (60, 3)
    assert found.time[50] == START
    np.testing.assert_array_equal(found.values[:50, 0], normal["cart_cpu"])
    assert "50 rows of the frame as the normal part" in said(found)
    assert "such as 'old_cpu': left out" in said(found)


@pytest.mark.parametrize(
    ("pattern", "pair"),
    [
        ("", ("a", "b_c")),
        ("{service}_{metric}", ("a", "b_c")),
        ("{metric}_{service}", ("b_c", "a")),
        (r"(?P<service>.+)_(?P<metric>[^_]+)", ("a_b", "c")),
    ],
)
def test_patterns_of_names(pattern: str, pair: tuple[str, str]) -> None:
    (column,), note = split_names(["a_b_c"], pattern)
    assert (column.service, column.metric) == pair
    assert "'a_b_c'" in note
    assert repr(pair[0]) in note


def test_a_name_that_does_not_split_stands_alone() -> None:
    columns, note = split_names(["a_b", "cpu"])
    assert (columns[1].service, columns[1].metric) == ("cpu", "cpu")
    assert "1 column not of this form (such as 'cpu') stand alone" in note


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda t: t.drop(columns="time"), "no column of times"),
        (lambda t: t[["time"]], "no column of numbers"),
        (lambda t: t.iloc[:0], "no rows"),
        (lambda t: t.assign(time=[*t["time"][:-1], 1.7e12]), "times of different units"),
        (lambda t: t.assign(time="soon"), "'soon' in row 1 is no time"),
        (lambda t: t.iloc[:1], "holds 1 moment"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(make: object, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_telemetry(make(frame()))  # type: ignore[operator]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("pattern", ["{service}", "(?P<service>.*)", "(?P<service>(", "{service}::{metric}"])
def test_patterns_that_say_nothing(pattern: str) -> None:
    with pytest.raises(UserError, match="--names"):
        read_telemetry(frame(), names=pattern)


def test_a_file_without_a_header(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("1661126040,1,2\n1661126100,1,2\n")
    with pytest.raises(UserError, match="no header; its first line must name the columns"):
        read_telemetry(tmp_path / "m.csv")


def test_nothing_is_compared_across_the_seam_of_a_normal_part() -> None:
    normal, table = frame(50), frame(30)
    normal["time"] -= 7 * 86400
    for part, begins in ((normal, 0.0), (table, 1e6)):
        part["cart_total"] = begins + 120.0 * np.arange(len(part))
        part["cart_slow"] = np.where(np.arange(len(part)) % 5 == 4, 1.0 + np.arange(len(part)) % 3, np.nan)
    found = read_telemetry(table, normal=normal)
    assert found.breaks == (50,)
    rate, slow = found.values[:, 3], found.values[:, 4]
    np.testing.assert_allclose(rate[[*range(1, 50), *range(51, 80)]], 2.0)
    assert np.isnan(rate[[0, 50]]).all()
    assert np.isnan(slow[50:54]).all()
    assert np.isfinite(slow[54:]).all()
    assert read_telemetry(table).breaks == ()
    backwards = read_telemetry(normal, normal=table)  # the counter is higher in the part that comes first
    assert "1 counter turned into increase per second: cart_total" in said(backwards)


@pytest.mark.parametrize("finer", ["normal", "table"])
def test_two_periods_become_the_longer_one(finer: str) -> None:
    normal, table = frame(60, 30 if finer == "normal" else 90), frame(24, 90 if finer == "normal" else 30)
    normal["time"] -= 86400
    found = read_telemetry(table, normal=normal)
    assert found.period == 90
    assert found.time[found.breaks[0]] == START
    assert found.values.shape == ((20 + 24, 3) if finer == "normal" else (60 + 8, 3))
    assert np.isfinite(found.values).all()
    part = normal if finer == "normal" else table
    first = 0 if finer == "normal" else 60
    np.testing.assert_allclose(found.values[first, 0], part["cart_cpu"][:3].mean())
    assert "the finer one is averaged" in said(found)


def test_the_index_of_a_frame_that_was_written_without_its_name(tmp_path: Path) -> None:
    table = frame()
    dated = table.set_index(pd.to_datetime(table["time"], unit="s")).drop(columns="time").rename_axis(None)
    dated.to_csv(tmp_path / "dated.csv")
    dated.to_parquet(tmp_path / "dated.parquet")
    for name in ("dated.csv", "dated.parquet"):
        assert read_telemetry(tmp_path / name).time.tolist() == table["time"].tolist()
    table.to_csv(tmp_path / "numbered.csv")
    found = read_telemetry(tmp_path / "numbered.csv")
    assert [column.name for column in found.columns] == ["cart_cpu", "cart_mem", "front_end-cpu"]
    assert "a column without a name (an index?) left out" in said(found)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-8-sig"])
def test_the_encoding_of_names_is_found_out(encoding: str, tmp_path: Path) -> None:
    frame().rename(columns={"cart_mem": "cart_latenz-\u00b5s"}).to_csv(
        tmp_path / "m.csv", index=False, encoding=encoding
    )
    found = read_telemetry(tmp_path / "m.csv")
    assert found.columns[1].metric == "latenz-\u00b5s"
    assert (f"read as {encoding}" in said(found)) == (encoding != "utf-8-sig")


def test_what_the_reader_of_the_notes_can_do_about_it(tmp_path: Path) -> None:
    table = frame().astype({"cart_cpu": object})
    table["cart_cpu"] = [f"{value:.1f}".replace(".", ",") for value in table["cart_cpu"]]
    found = read_telemetry(pd.concat([table, table.iloc[5:8]]).rename(columns=lambda name: name.replace("_", "/")))
    assert "1 column of text left out: 'cart/cpu' (such as '" in said(found)
    assert "3 rows of a time that was there already; averaged" in said(found)
    assert "say --names '{service}/{metric}' if they are that" in said(found)
    (tmp_path / "m.csv").write_text("PK\nabc\n")
    with pytest.raises(UserError) as caught:
        read_telemetry(tmp_path / "m.csv")
    assert str(caught.value).endswith("no separator found in line 1, `PK`")


@pytest.mark.parametrize("name", ["service", "pod"])
def test_a_row_for_each_time_and_service_with_a_column_for_each_metric(name: str) -> None:
    wide = frame()
    rows = pd.concat([
        pd.DataFrame({"time": wide["time"], name: "front", "end-cpu": wide["front_end-cpu"]}),
        pd.DataFrame({"time": wide["time"], name: "cart", "cpu": wide["cart_cpu"], "mem": wide["cart_mem"], "az": "b"}),
    ])  # fmt: skip
    found = read_telemetry(rows.sample(frac=1, random_state=0))
    assert [(c.service, c.metric) for c in found.columns] == [("cart", "cpu"), ("cart", "mem"), ("front", "end-cpu")]
    np.testing.assert_allclose(found.values, wide.drop(columns="time").to_numpy())
    assert f"a row for each time and service (in '{name}'): 3 metrics" in said(found)
    alone = read_telemetry(wide.assign(service="cart"))  # one service, one row a time: a wide table
    assert len(alone.columns) == 3


def test_switches_are_numbers_and_dates_without_a_form_are_refused(tmp_path: Path) -> None:
    table = frame().assign(db_up=["True"] * 20 + ["false"] * 9 + [""], db_zone=["true"] * 29 + ["maybe"])
    table.to_csv(tmp_path / "m.csv", index=False)
    found = read_telemetry(tmp_path / "m.csv")
    np.testing.assert_array_equal(found.values[:, 3], [1.0] * 20 + [0.0] * 9 + [np.nan])
    assert "1 column of text left out: 'db_zone'" in said(found)
    with pytest.raises(UserError, match=r"'21\.08\.2022' in row 1 is no time: give numbers, or dates such as 2022"):
        read_telemetry(frame().assign(time="21.08.2022"))
