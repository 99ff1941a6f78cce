"""Which column plays which role."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphcl.core.errors import UserError
from graphcl.data.columns import choose_columns
from graphcl.data.readers import ReadOptions, open_table
from graphcl.data.readers.base import Table


@pytest.fixture
def table(tmp_path: Path) -> Table:
    path = tmp_path / "clicks.csv"
    path.write_text("customer,Product-ID,timestamp,stars,page\n1,2,3,4,5\n")
    return open_table(path, "", ReadOptions())


def test_usual_names_are_taken_and_said(table: Table) -> None:
    columns, notes = choose_columns(table, {}, ["user", "item", "time", "rating"])
    assert columns == {"user": "customer", "item": "Product-ID", "time": "timestamp", "rating": "stars"}
    assert notes[0] == "column 'customer' is taken as the user; data.user names another"
    assert len(notes) == 4


def test_what_is_not_needed_is_not_guessed(table: Table) -> None:
    assert choose_columns(table, {"time": "", "rating": ""}, ["user", "item"])[0].keys() == {"user", "item"}


def test_what_is_wanted_is_taken_where_it_is(table: Table, tmp_path: Path) -> None:
    assert choose_columns(table, {"time": ""}, ["user", "item"], ["time"])[0]["time"] == "timestamp"
    path = tmp_path / "plain.csv"
    path.write_text("user,item\n1,2\n")
    columns, notes = choose_columns(open_table(path, "", ReadOptions()), {"time": ""}, ["user", "item"], ["time"])
    assert (columns, len(notes)) == ({"user": "user", "item": "item"}, 2)


def test_named_columns_are_not_discussed(table: Table) -> None:
    columns, notes = choose_columns(table, {"user": "page", "item": "stars", "time": "timestamp"}, ["user", "item"])
    assert columns == {"user": "page", "item": "stars", "time": "timestamp"}
    assert notes == []


def test_missing_column_names_the_nearest(table: Table) -> None:
    with pytest.raises(
        UserError, match=r"clicks.csv has no column 'timestmp'; nearest: 'timestamp'; set data.time=timestamp"
    ):
        choose_columns(table, {"time": "timestmp"}, ["user", "item"])
    with pytest.raises(UserError, match=r"has no column 'xyz'; it has customer, Product-ID, timestamp, stars, page"):
        choose_columns(table, {"time": "xyz"}, [])


def test_two_that_could_be_meant(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("user_id,customer,item\n1,2,3\n")
    table = open_table(path, "", ReadOptions())
    with pytest.raises(UserError, match=r"has 'user_id' and 'customer': say which is the user with data.user=user_id"):
        choose_columns(table, {}, ["user", "item"])
    # the other one is free once one of them is named
    assert choose_columns(table, {"item": "customer"}, ["user", "item"])[0] == {"user": "user_id", "item": "customer"}


def test_none_that_could_be_meant(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("a,item\n1,2\n")
    with pytest.raises(UserError, match=r"no column that is clearly the user; set data.user to one of a, item"):
        choose_columns(open_table(path, "", ReadOptions()), {}, ["user", "item"])


def test_one_column_in_two_roles(table: Table) -> None:
    with pytest.raises(UserError, match=r"column 'page' is named by data.user and data.item"):
        choose_columns(table, {"user": "page", "item": "page"}, ["user", "item"])
    both = {"user": "customer", "item": "page", "rating": "stars", "weight": "stars"}
    assert choose_columns(table, both, [])[0] == both  # a rating may well be the weight
